"""A help contact in people's words, with its addresses, numbers and links made out."""

import re
from dataclasses import dataclass

MAIL = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?\.[A-Za-z]{2,}"
LINK = r"https?://[^\s<>\"]*[^\s<>\".,;:!?)]"
# Seven digits or more, so that a room or a year is no number to call.
PHONE = r"\+?\(?\d[\d ()/.\u00a0-]{5,}\d"
PARTS = re.compile(rf"(?P<mail>{MAIL})|(?P<link>{LINK})|(?P<phone>{PHONE})")
MIN_DIGITS, MAX_DIGITS = 7, 15  # ITU-T E.164: at most 15


@dataclass(frozen=True)
class ContactPart:
    """A piece of the contact; `href` is "" where it leads nowhere."""

    text: str
    href: str = ""


def split_contact(text: str) -> tuple[ContactPart, ...]:
    """Return the contact's pieces in their order; together they are the whole text."""
    parts, end = [], 0
    for match in PARTS.finditer(text):
        href = _build_href(match)
        if not href:
            continue
        if match.start() > end:
            parts.append(ContactPart(text[end : match.start()]))
        parts.append(ContactPart(match[0], href))
        end = match.end()
    if end < len(text):
        parts.append(ContactPart(text[end:]))
    return tuple(parts)


def _build_href(match: re.Match[str]) -> str:
    if match["mail"]:
        return f"mailto:{match[0].replace('%', '%25').replace('?', '%3F').replace('&', '%26')}"
    if match["link"]:
        return match[0]
    digits = re.sub(r"\D", "", match[0])
    if not MIN_DIGITS <= len(digits) <= MAX_DIGITS:
        return ""
    # A trunk zero in brackets is dialled only without the country's code.
    number = match[0].replace("(0)", "") if match[0].startswith("+") else match[0]
    return "tel:" + re.sub(r"[^\d+]", "", number)
