"""Reading one value of an answer: of the type it should have, or nothing."""

import json
import math
from typing import Any

INTEGERS = range(2**63)
MOST_FACTS, LONGEST_FACT = 300, 64 * 1024


def read_text(answer: dict[str, Any], key: str, *, longest: int) -> str:
    """Return the text, cut to `longest` characters; "" for anything else."""
    value = answer.get(key)
    return value[:longest] if isinstance(value, str) else ""


def read_flag(answer: dict[str, Any], key: str) -> bool | None:
    """Return true or false; None for anything else."""
    value = answer.get(key)
    return value if isinstance(value, bool) else None


def read_integer(answer: dict[str, Any], key: str, *, most: int = INTEGERS[-1]) -> int | None:
    """Return an integer from 0 to `most`; None for anything else."""
    value = answer.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= most else None


def read_number(answer: dict[str, Any], key: str) -> float | None:
    """Return a number that is not negative (which means: not known); None for anything else."""
    value = answer.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if math.isfinite(value) and value >= 0 else None


def bound_facts(facts: dict[str, Any]) -> dict[str, Any]:
    """Return what is kept of an answer's JSON: no value is longer than 64 KB."""
    return {
        key: value
        for key, value in list(facts.items())[:MOST_FACTS]
        if len(key) < LONGEST_FACT and len(json.dumps(value)) <= LONGEST_FACT
    }
