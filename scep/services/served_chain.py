"""Who vouches for the TLS certificate that this server's base URL shows: asked from outside."""

import socket
import ssl
from collections.abc import Iterable
from enum import StrEnum
from urllib.parse import urlsplit

import certifi

SECONDS = 5.0


class Vouching(StrEnum):
    """`other`: neither a public CA nor one of ours; `unknown`: nothing could be learned."""

    PUBLIC = "public"
    OWN = "own"
    OTHER = "other"
    UNKNOWN = ""


def find_vouching(url: str, *, roots: Iterable[bytes], public_roots: str | None = None) -> Vouching:
    """Return whose root verifies the server at `url`; `roots` are ours, DER.

    Public is what Mozilla's list has (`public_roots`, a PEM file): an administrator's own CA in
    this machine's store says nothing about people's devices.
    """
    if urlsplit(url).scheme != "https":
        return Vouching.UNKNOWN
    try:
        if _is_verified(url, ssl.create_default_context(cafile=public_roots or certifi.where())):
            return Vouching.PUBLIC
        own = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        for der in roots:
            own.load_verify_locations(cadata=der)
        return Vouching.OWN if _is_verified(url, own) else Vouching.OTHER
    except (OSError, ValueError):
        return Vouching.UNKNOWN


def _is_verified(url: str, context: ssl.SSLContext) -> bool:
    target = urlsplit(url)
    host, port = target.hostname or "", target.port or 443
    with socket.create_connection((host, port), timeout=SECONDS) as plain:
        try:
            with context.wrap_socket(plain, server_hostname=host):
                return True
        except ssl.SSLCertVerificationError:
            return False
