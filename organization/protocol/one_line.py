"""What may be a name: one line of text that a person can see."""

# Persian words and scripts of India need them between letters, and emoji are joined by the second.
JOINERS = "\u200c\u200d"
_WITHOUT_JOINERS = dict.fromkeys(map(ord, JOINERS))


def is_one_line(text: str) -> bool:
    """Whether all of the text shows: no control character, nothing invisible but joiners inside."""
    if text.isprintable():
        return True
    return text == text.strip(JOINERS) and text.translate(_WITHOUT_JOINERS).isprintable()
