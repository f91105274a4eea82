"""Reading one value of an answer: of the type it should have, or nothing."""

import json
import math
import re
from typing import Any

from devices.protocol.direction import leave_direction

INTEGERS = range(2**63)
DIGITS = re.compile(r"\d{1,18}(\.\d{1,18})?", re.ASCII)
MOST_FACTS, LONGEST_FACT = 300, 64 * 1024
MOST_CHARACTERS = 256 * 1024


def read_text(answer: dict[str, Any], key: str, *, longest: int) -> str:
    """Return the text as it can be shown, cut to `longest` characters; "" for anything else."""
    value = answer.get(key)
    return leave_direction(value)[:longest] if isinstance(value, str) else ""


def read_flag(answer: dict[str, Any], key: str) -> bool | None:
    """Return true or false; None for anything else."""
    value = answer.get(key)
    return value if isinstance(value, bool) else None


def read_integer(answer: dict[str, Any], key: str, *, most: int = INTEGERS[-1]) -> int | None:
    """Return an integer from 0 to `most`, also where it came as a real; None for anything else."""
    value = read_number(answer, key)
    if value is None or value != int(value):
        return None
    exact = answer[key] if isinstance(answer[key], int) else int(value)
    return exact if exact <= most else None


def read_number(answer: dict[str, Any], key: str) -> float | None:
    """Return a number that is not negative (which means: not known); None for anything else."""
    value = answer.get(key)
    if isinstance(value, str) and DIGITS.fullmatch(value):
        value = float(value)  # older systems
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if math.isfinite(value) and value >= 0 else None


def bound_facts(
    facts: dict[str, Any],
    *,
    most: int = MOST_FACTS,
    longest: int = LONGEST_FACT,
    together: int = MOST_CHARACTERS,
) -> dict[str, Any]:
    """Return what is kept of an answer's JSON: its first keys, without what is too long.

    `longest` bounds a key and a value, `together` all values; in characters.
    """
    kept = {}
    for key, value in list(facts.items())[:most]:
        length = len(json.dumps(value))
        if len(key) < longest and length <= min(longest, together):
            together -= length
            kept[key] = value
    return kept
