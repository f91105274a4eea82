"""The simulator's own SCEP client and message builder."""

from .client import ScepClient
from .pki_message import build_pki_message
from .request import build_csr, build_name, build_self_signed, generate_key

__all__ = [
    "ScepClient",
    "build_csr",
    "build_name",
    "build_pki_message",
    "build_self_signed",
    "generate_key",
]
