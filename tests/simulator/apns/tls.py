"""The fake APNs' TLS: a client certificate is required, HTTP/2 only."""

import ssl
import tempfile
from pathlib import Path
from typing import Any

from .authority import Pair

HANDSHAKE_CERTIFICATE = 11
TLS_1_3 = 0x0304
NO_COMPRESSED_CERTIFICATE = 1 << 33
"""OpenSSL's SSL_OP_NO_RX_CERTIFICATE_COMPRESSION (since 3.2), for which Python has no name."""


def make_context(server: Pair, *, client_ca: bytes | None, own_ca: bytes) -> ssl.SSLContext:
    """A server context.

    client_ca: PEM of what may sign (or be) a client certificate, beside the fake
    APNs' own CA. None: any client certificate is taken, as long as its key is there
    and it is in validity; the topic check still stands.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "server.pem"
        path.write_bytes(server.pem)
        context.load_cert_chain(path)
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if client_ca is None:
        _trust_whoever_comes(context)
    else:
        context.load_verify_locations(cadata=(own_ca + client_ca).decode())
    return context


def _trust_whoever_comes(context: ssl.SSLContext) -> None:
    """Adds each client's certificate to the trust store just before it is checked.

    Python has no verify callback, and CERT_OPTIONAL still refuses unknown issuers;
    the (debugging) message callback sees the handshake's Certificate in time, as
    long as the client does not compress it (RFC 8879).
    """
    context.options |= NO_COMPRESSED_CERTIFICATE

    def watch(
        connection: Any, direction: str, version: int, kind: Any, message: Any, data: bytes
    ) -> None:
        if direction == "read" and message == HANDSHAKE_CERTIFICATE:
            leaf = read_leaf(data, version=version)
            if leaf:
                context.load_verify_locations(cadata=leaf)

    context._msg_callback = watch  # type: ignore[attr-defined]


def read_leaf(message: bytes, *, version: int) -> bytes:
    """The first DER certificate of a TLS Certificate message (RFC 8446 4.4.2)."""
    at = 4
    if version == TLS_1_3:
        at += 1 + message[4]
    at += 3
    size = int.from_bytes(message[at : at + 3], "big")
    return message[at + 3 : at + 3 + size]
