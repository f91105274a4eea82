"""Texts of devices without the characters that turn the direction of what stands after them.

A device's name stands in sentences, in lists, in mails and in the log. One with a right-to-left
override would turn round the words behind it, wherever it is shown: no escaping stops that.
"""

TURNING = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])
"""Embeddings, overrides and isolates of Unicode's UAX #9; the marks that names need stay."""


def leave_direction(text: str) -> str:
    """Return the text without such characters."""
    return text if text.isascii() else text.translate(TURNING)
