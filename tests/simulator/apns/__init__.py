"""A fake APNs for tests and for the demo; real TLS, real HTTP/2, no Apple."""

from .answers import Answer, Delivery, PushRequest
from .authority import ApnsAuthority, Pair, load_authority, make_authority
from .server import FakeApns

__all__ = [
    "Answer",
    "ApnsAuthority",
    "Delivery",
    "FakeApns",
    "Pair",
    "PushRequest",
    "load_authority",
    "make_authority",
]
