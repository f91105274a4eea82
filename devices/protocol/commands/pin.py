"""The six digits that open a locked or erased Mac again."""

import re
import secrets

from devices.errors import CommandInvalid

SIX_DIGITS = re.compile(r"[0-9]{6}")


def check_pin(pin: str) -> str:
    """Return the PIN; raises CommandInvalid unless it is six ASCII digits."""
    if not SIX_DIGITS.fullmatch(pin):
        raise CommandInvalid("the PIN must be six digits")
    return pin


def generate_pin() -> str:
    """Return six random digits."""
    return f"{secrets.randbelow(1_000_000):06}"
