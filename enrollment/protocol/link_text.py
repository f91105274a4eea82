"""What is left of a link's secret part once mail programs, chats and people have passed it on."""

import re

LONGEST = 4096  # a longer one is read by nobody
# Line breaks and what they become, invisible marks where a line may be broken, and
# quoted-printable's "=" at the ends of lines. Neither a token nor a short code has any of them.
INSERTED = re.compile("[\\s=\u00ad\u200b-\u200f\u2060\ufeff]+")
QUOTED_EQUALS = re.compile("^3D(?=eyJ)")  # its "=3D" in front of a token, which is a JWT
AROUND = "<>()[]{}.,;:!?*'\"\u2018\u2019\u201c\u201d\u00ab\u00bb"


def read_link_text(text: str) -> str:
    """Return the token or short code in what a link brought, without what was added on its way."""
    if len(text) > LONGEST:
        return text
    return QUOTED_EQUALS.sub("", INSERTED.sub("", text).strip(AROUND))
