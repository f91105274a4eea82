"""Who vouches for the TLS certificate that this server's base URL shows: asked from outside."""

import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

import certifi

from organization.protocol.tls import build_client_context

SECONDS = 5.0


class Vouching(StrEnum):
    """`other`: neither a public CA nor one of ours; `unknown`: nothing could be learned."""

    PUBLIC = "public"
    OWN = "own"
    OTHER = "other"
    UNKNOWN = ""


@dataclass(frozen=True)
class ServedChain:
    """`hosts`: names and IP addresses in the certificate; only where somebody vouches for it."""

    vouching: Vouching
    hosts: tuple[str, ...] = ()


def inspect_chain(
    url: str, *, roots: Iterable[bytes], public_roots: str | None = None
) -> ServedChain:
    """Return whose root verifies the server at `url`; `roots` are ours, DER.

    Public is what Mozilla's list has (`public_roots`, a PEM file): an administrator's own CA in
    this machine's store says nothing about people's devices.
    """
    if urlsplit(url).scheme != "https":
        return ServedChain(Vouching.UNKNOWN)
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    public = build_client_context(ca_file=public_roots or certifi.where())
    try:
        for der in roots:
            own.load_verify_locations(cadata=der)
        for vouching, context in ((Vouching.PUBLIC, public), (Vouching.OWN, own)):
            hosts = _find_hosts(url, context)
            if hosts is not None:
                return ServedChain(vouching, hosts)
    except (OSError, ValueError):
        return ServedChain(Vouching.UNKNOWN)
    return ServedChain(Vouching.OTHER)


def _find_hosts(url: str, context: ssl.SSLContext) -> tuple[str, ...] | None:
    """Return the names in a certificate that is verified, else None; raises OSError."""
    target = urlsplit(url)
    host, port = target.hostname or "", target.port or 443
    with socket.create_connection((host, port), timeout=SECONDS) as plain:
        try:
            with context.wrap_socket(plain, server_hostname=host) as secure:
                names: Iterable[tuple[str, str]] = (secure.getpeercert() or {}).get(
                    "subjectAltName", ()
                )  # type: ignore[assignment]
        except ssl.SSLCertVerificationError:
            return None
    return tuple(value for kind, value in names if kind in ("DNS", "IP Address"))
