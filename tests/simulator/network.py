"""HTTP clients for devices of the command line; tests inject their own."""

import ssl
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import httpx
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from .state import Identity

SECONDS = 30.0


@dataclass(frozen=True)
class Network:
    """What devices trust in TLS: the system's roots, another PEM file, or anything."""

    ca_file: Path | None = None
    insecure: bool = False
    client_certificates: bool = False

    def make_client(self, *, identity: Identity | None = None) -> httpx.Client:
        """A client that shows the identity's certificate where the server asks."""
        return httpx.Client(timeout=SECONDS, trust_env=False, verify=self._make_context(identity))

    def _make_context(self, identity: Identity | None) -> ssl.SSLContext:
        if self == Network():
            return read_system_roots()
        context = _make_context(ca_file=self.ca_file)
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if identity and self.client_certificates:
            _load_identity(context, identity)
        return context


@cache
def read_system_roots() -> ssl.SSLContext:
    """What a device trusts by itself; read once, for it takes longer than most requests."""
    return _make_context()


def _make_context(*, ca_file: Path | None = None) -> ssl.SSLContext:
    """No device asks for the extensions that Python asks for since 3.13."""
    context = ssl.create_default_context(cafile=ca_file)
    context.verify_flags &= ~(ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN)
    return context


def _load_identity(context: ssl.SSLContext, identity: Identity) -> None:
    key = identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "identity.pem"
        path.write_bytes(key + identity.certificate.public_bytes(Encoding.PEM))
        context.load_cert_chain(path)
