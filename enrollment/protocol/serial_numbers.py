"""Lists of devices' serial numbers, as people paste them and programs send them."""

import re
from collections.abc import Iterable

from enrollment.errors import TokenInvalid

MOST_SERIALS = 5000
SEPARATORS = re.compile(r"[\s,;]+")
# Apple's are letters and digits; virtual Macs have + and / as well.
SERIAL_NUMBER = re.compile(r"[A-Z0-9][A-Z0-9+/._-]{0,63}")


def split_serial_numbers(text: str) -> list[str]:
    """Return what stands in a pasted list, one a line or with commas between."""
    return [word for word in SEPARATORS.split(text) if word]


def normalize_serial_number(text: str) -> str:
    """Return the one way of writing it that is stored and compared."""
    return text.strip().upper()


def check_serial_numbers(texts: Iterable[str]) -> list[str]:
    """Return them normalized, each once, in their order; raises TokenInvalid for what is none."""
    serials = list(dict.fromkeys(normalize_serial_number(text) for text in texts))
    for serial in serials:
        if not SERIAL_NUMBER.fullmatch(serial):
            raise TokenInvalid(f"“{serial[:70]}” is no serial number")
    if len(serials) > MOST_SERIALS:
        raise TokenInvalid(f"a token has at most {MOST_SERIALS} serial numbers")
    return serials
