"""What items and policies are called, as one line that reads from its beginning to its end."""

import unicodedata

from devices.protocol.direction import leave_direction


def clean_name(text: str) -> str:
    """Return the text in one line: without control characters, and none that turns the rest.

    A profile's display name comes from a file, where nobody has seen what is between its letters.
    """
    plain = "".join(" " if unicodedata.category(sign) == "Cc" else sign for sign in text)
    return " ".join(leave_direction(plain).split())
