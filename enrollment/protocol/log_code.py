"""One code of the enrollment log. `_` marks its texts for translation: the doors translate."""

from dataclasses import dataclass


def _(text: str) -> str:
    return text


@dataclass(frozen=True)
class LogCode:
    """`level` is info, warning or error; `headline` is what a person's page says, if it may."""

    code: str
    level: str
    title: str
    cause: str = ""
    resolution: str = ""
    headline: str = ""


def build_trouble(
    code: str, title: str, cause: str, resolution: str, headline: str = "", level: str = "error"
) -> LogCode:
    """Return a code that says why it happens and what to do about it."""
    return LogCode(code, level, title, cause, resolution, headline)
