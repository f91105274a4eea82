"""The answers of servers that give out one-time challenges: NDES's page, or JSON."""

import json
import re
from html import unescape

from scep.errors import ServerUnreachable

# NDES writes UTF-16 with or without a mark; proxies and imitations write UTF-8.
ENGLISH = re.compile(r"challenge password is:\s*<b>\s*([0-9A-Fa-f]{8,64})\s*</b>", re.IGNORECASE)
# Translated pages: the challenge is the only bold text in hexadecimal without spaces (the CA's
# thumbprint beside it comes in groups).
BOLD = re.compile(r"<b>\s*([0-9A-Fa-f]{8,64})\s*</b>", re.IGNORECASE)
PRINTABLE = re.compile(r"[\x20-\x7e]{1,255}")
FULL = "password cache is full"
DENIED = "sufficient permission"


def decode_ndes_page(body: bytes) -> str:
    """Return the challenge on NDES's admin page (/certsrv/mscep_admin); raises ServerUnreachable.

    A page without one says why in words: NDES answers 200 with "the password cache is full".
    """
    text = unescape(_decode_text(body))
    found = ENGLISH.findall(text) or BOLD.findall(text)
    if len(set(found)) == 1:
        return str(found[0])
    lowered = text.lower()
    if FULL in lowered:
        raise ServerUnreachable("NDES gives no challenge: its password cache is full")
    if DENIED in lowered:
        raise ServerUnreachable("NDES gives no challenge: the user may not enroll with SCEP")
    raise ServerUnreachable("NDES's page holds no challenge")


def decode_json_challenge(body: bytes) -> str:
    """Return the member `challenge` of a JSON object; raises ServerUnreachable."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ServerUnreachable("the challenge server's answer is no JSON") from error
    challenge = answer.get("challenge") if isinstance(answer, dict) else None
    if not isinstance(challenge, str) or not PRINTABLE.fullmatch(challenge):
        raise ServerUnreachable("the challenge server's answer holds no challenge")
    return challenge


def _decode_text(body: bytes) -> str:
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        return body.decode("utf-16", errors="replace")
    if b"\0" in body[:64]:
        encoding = "utf-16-be" if body[:1] == b"\0" else "utf-16-le"
        return body.decode(encoding, errors="replace")
    return body.decode("utf-8-sig", errors="replace")
