"""The simulator's own CMS: nothing here is shared with the server."""

from .envelope import build_envelope, decrypt_envelope
from .sign import Attribute, Signer, build_signed_data, sign_detached
from .verify import VerifiedContent, verify_signed_data

__all__ = [
    "Attribute",
    "Signer",
    "VerifiedContent",
    "build_envelope",
    "build_signed_data",
    "decrypt_envelope",
    "sign_detached",
    "verify_signed_data",
]
