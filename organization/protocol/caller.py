"""Who sent a request, as far as HTTP tells: for records that people read, never for decisions."""

from collections.abc import Callable
from dataclasses import dataclass

MAX_AGENT = 300


@dataclass(frozen=True)
class Caller:
    """`address` is an IP address as text, or None; `agent` the User-Agent."""

    address: str | None = None
    agent: str = ""


NOBODY = Caller()
AskCaller = Callable[[], Caller]
"""For doors where it is seldom asked for: reading an address costs as much as a statement."""


def build_caller(*, address: str | None, agent: str) -> Caller:
    """Return the caller; what no database takes, and what is too long, is left out of `agent`."""
    return Caller(address, "".join(sign for sign in agent if sign.isprintable())[:MAX_AGENT])
