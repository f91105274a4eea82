"""The code of a short link: worked out from the token's key and id, so that nobody stores it."""

import hashlib
import hmac
import re

from enrollment.protocol.link_text import read_link_text

ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
# 70 bits: a million guesses a second, far more than the server answers, would meet one of a
# thousand active links in some 37,000 years. With an address of up to 36 characters before `/e/`
# it fits a QR code of version 3 (29×29).
LENGTH = 14
CODE = re.compile(f"[{ALPHABET}]{{{LENGTH}}}")
PURPOSE = b"guardmdm short link/"


def build_short_code(private_key: bytes, *, jti: str) -> str:
    """Return the token's code; `private_key` is the DER of the key that signs the token."""
    digest = hmac.new(private_key, PURPOSE + jti.encode(), hashlib.sha256).digest()
    # 32 divides 256, so no character is likelier than another.
    return "".join(ALPHABET[byte % 32] for byte in digest[:LENGTH])


def read_short_code(text: str) -> str:
    """Return the code in what somebody opened or typed, "" for what cannot be one."""
    code = read_link_text(text).lower()
    return code if CODE.fullmatch(code) else ""


def digest_short_code(code: str) -> str:
    """Return what the database finds a token by; nobody gets from it to the code."""
    return hashlib.sha256(PURPOSE + code.encode()).hexdigest()
