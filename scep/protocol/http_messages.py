"""What is said to and heard from a web server that an administrator has named."""

import base64
import hashlib
import re
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes

# RFC 5929 section 4.1: these are too weak and count as SHA-256.
WEAK = ("md5", "sha1")
TOKEN = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True)
class Answer:
    """What a server answered, whatever its status; `content_type` lower-case, no parameters.

    `challenges`: the values of WWW-Authenticate. `server_certificate`: DER, b"" without TLS.
    """

    status: int
    body: bytes
    content_type: str
    challenges: tuple[str, ...] = ()
    server_certificate: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class Credentials:
    """A user name, like `EXAMPLE\\\\mdm` or `mdm@example.com`, and a password.

    `waits`: nothing is sent before the server has said which kind of sign-in it takes.
    """

    username: str
    password: str = field(repr=False)
    waits: bool = False

    def encode_bearer(self) -> str:
        """Return the header of RFC 6750 with the password as token, less what was pasted around it.

        Raises ValueError for what no header can hold; the text does not repeat it.
        """
        token = self.password.strip()
        if not TOKEN.fullmatch(token):
            raise ValueError("a bearer token is printable ASCII without spaces")
        return f"Bearer {token}"

    def encode_basic(self) -> str:
        """Return the Authorization header of RFC 7617."""
        pair = f"{self.username}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"


def build_channel_binding(server_certificate: bytes) -> bytes:
    """Return `tls-server-end-point` (RFC 5929 section 4): what ties a sign-in to this server."""
    certificate = x509.load_der_x509_certificate(server_certificate)
    algorithm = certificate.signature_hash_algorithm
    name = "sha256" if algorithm is None or algorithm.name in WEAK else _get_name(algorithm)
    return b"tls-server-end-point:" + hashlib.new(name, server_certificate).digest()


def _get_name(algorithm: hashes.HashAlgorithm) -> str:
    return algorithm.name.replace("-", "_")
