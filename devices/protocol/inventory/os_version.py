"""Versions of operating systems, comparable."""

import re

PLACES, BASE = 3, 10_000
VERSION = re.compile(r"\s*(\d{1,4})(?:\.(\d{1,4}))?(?:\.(\d{1,4}))?(?![\d])", re.ASCII)


def build_version_number(version: str) -> int | None:
    """Return "18.1.2" as 1800010002: later versions are greater; None for what is no version."""
    found = VERSION.match(version)
    if found is None:
        return None
    number = 0
    for part in found.groups("0"):
        number = number * BASE + int(part)
    return number


def build_version_bounds(version: str) -> tuple[int, int] | None:
    """Return the numbers that "18.1" stands for, 18.1 to just below 18.2; None as above."""
    first = build_version_number(version)
    found = VERSION.match(version)
    if first is None or found is None:
        return None
    given = sum(part is not None for part in found.groups())
    return first, first + BASE ** (PLACES - given)
