"""What a database column cannot hold, or a program not walk, of a decoded JSON document."""

import math
import re
from typing import Any

# The place of what holds a value, and its name or number there; None for the document itself.
Place = tuple[Any, str | int] | None

MAX_DEPTH = 32
MAX_INTEGER = 2**63
# What no keyboard types and XML has no word for, so that no profile could hold it.
UNTYPED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class JsonRefused(ValueError):
    """The document is JSON, but not of a kind that is stored; the message says why.

    `field` says where in it, as `app.name` or `people.0.email`; "" for the whole.
    """

    field = ""


def check_json(root: Any, *, is_typed: bool = False) -> None:
    """Raises JsonRefused for NUL, half a surrogate pair, big numbers, deep nesting.

    What `is_typed` by people or their programs holds no control characters either.
    """
    pending: list[tuple[Any, int, Place]] = [(root, 0, None)]
    while pending:
        value, depth, place = pending.pop()
        if depth > MAX_DEPTH:
            raise JsonRefused(f"the body is nested more than {MAX_DEPTH} levels deep")
        if isinstance(value, dict):
            pending += [(part, depth + 1, (place, name)) for name, part in value.items()]
            # Looked at before what they name: a refusal has only names that can be answered.
            pending += [(name, depth + 1, place) for name in value]
        elif isinstance(value, list):
            pending += [(part, depth + 1, (place, at)) for at, part in enumerate(value)]
        else:
            try:
                _check_scalar(value, is_typed=is_typed)
            except JsonRefused as refusal:
                refusal.field = _name_place(place)
                raise


def _name_place(place: Place) -> str:
    names: list[str] = []
    while place is not None:
        place, name = place
        names.insert(0, str(name))
    return ".".join(names)


def _check_scalar(value: Any, *, is_typed: bool) -> None:
    if isinstance(value, str) and ("\0" in value or not _is_encodable(value)):
        raise JsonRefused("a text holds a NUL character or half a surrogate pair")
    if isinstance(value, int) and not -MAX_INTEGER <= value < MAX_INTEGER:
        raise JsonRefused("a number is too large")
    if isinstance(value, float) and not math.isfinite(value):
        raise JsonRefused("a number is not finite")
    if is_typed and isinstance(value, str) and UNTYPED.search(value):
        raise JsonRefused("a text holds a control character")


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
