"""Somebody else's SCEP server with its CA and challenge hooks: not GuardMDM, none of its code.

NDES's admin page and a JSON hook give out one-time challenges; what a device asks for in its
request's subject is what it gets, as many CAs do.
"""

import base64
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import cycle
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AttributeOID, ExtendedKeyUsageOID, NameOID

from tests.scep import device as keys
from tests.scep.external.tls_server import Asked, Reply
from tests.simulator.cms import Signer, build_envelope, build_signed_data, decrypt_envelope
from tests.simulator.cms.verify import verify_signed_data
from tests.simulator.scep import pki_message as scep
from tests.simulator.scep.request import build_key_usage

# Apart from those that tests name, and those of devices with certificates of our CA.
NUMBERS: Iterator[int] = cycle(range(200, 208))
USER, PASSWORD = "EXAMPLE\\mdm", "hook-pässword"
TOKEN = "hook-bearer-token"
CLIENT_AUTH = (ExtendedKeyUsageOID.CLIENT_AUTH,)
# As Windows Server writes it, thumbprint and all.
NDES_PAGE = (
    '<HTML><Head><Meta HTTP-Equiv="Content-Type" Content="text/html; charset=UTF-16">'
    "<Title>Network Device Enrollment Service</Title></Head><Body BgColor=#FFFFFF>"
    '<Font ID=locPageFont Face="Arial"><P> To complete certificate enrollment for your network '
    "device you will need the following information: <P> The thumbprint (hash value) for the CA "
    "certificate is: <B> 9B6CC8CE 6E7B1F42 3A0C8F1D 22D1C3E4 </B> <P> The enrollment challenge "
    "password is: <B> {challenge} </B> <P> This password can be used only once and will expire "
    "within 60 minutes. <P> Each enrollment requires a new challenge password. </Body></HTML>"
)


@dataclass(frozen=True)
class Holder:
    """A key with its certificate."""

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def fingerprint(self) -> str:
        return self.certificate.fingerprint(hashes.SHA256()).hex()


def make_key() -> rsa.RSAPrivateKey:
    """A key unlike the seven before; RSA keys are slow to make."""
    return keys.make_key(next(NUMBERS))


def make_authority(name: str = "External CA", *, issuer: Holder | None = None) -> Holder:
    """A CA: self-signed, or below another. Its key is no other's, for one may live long."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    builder = start(build_name(name), key.public_key(), issuer=issuer)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
    return Holder(key, builder.sign(issuer.key if issuer else key, hashes.SHA256()))


def build_name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def start(
    subject: x509.Name,
    key: rsa.RSAPublicKey,
    *,
    issuer: Holder | None,
    days: tuple[float, float] = (-1, 30),
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
    )


def make_identity(
    authority: Holder,
    *,
    subject: x509.Name | None = None,
    public_key: rsa.RSAPublicKey | None = None,
    usages: tuple[x509.ObjectIdentifier, ...] | None = CLIENT_AUTH,
    **more: Any,
) -> Holder:
    """An identity certificate of the CA, for a key of its own unless one is given."""
    key = make_key()
    builder = start(
        subject or build_name("device"), public_key or key.public_key(), issuer=authority, **more
    )
    builder = builder.add_extension(build_key_usage(5), critical=True)
    if usages is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    return Holder(key, builder.sign(authority.key, hashes.SHA256()))


@cache
def make_registrar(authority: Holder) -> Holder:
    """The one RA of this CA: many servers of one CA are asked, and RSA keys are slow to make."""
    return make_identity(authority, subject=build_name("External RA"), usages=None)


@dataclass
class ScepServer:
    """`answer` serves the paths /scep, /certsrv/mscep_admin/ and /challenge.

    Switches: `static` challenge, `is_down`, `encoding` of NDES's page, `page` instead of it,
    `above`: what GetCACert sends besides.
    """

    authority: Holder = field(default_factory=make_authority)
    registrar: Holder = field(init=False)
    static: str = ""
    is_down: bool = False
    encoding: str = "utf-16"
    page: str = NDES_PAGE
    capabilities: str = "POSTPKIOperation\nSHA-256\nAES\nSCEPStandard\n"
    above: list[x509.Certificate] = field(default_factory=list)
    challenges: set[str] = field(default_factory=set)
    issued: list[x509.Certificate] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    operations: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.registrar = make_registrar(self.authority)

    def answer(self, asked: Asked) -> Reply:
        if self.is_down:
            return Reply(503)
        path = urlsplit(asked.path).path
        doors = {
            "/scep": self._scep,
            "/certsrv/mscep_admin/": self._show_ndes_page,
            "/challenge": self._give_challenge,
        }
        return doors[path](asked) if path in doors else Reply(404)

    def _show_ndes_page(self, asked: Asked) -> Reply:
        pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if asked.headers.get("Authorization") != f"Basic {pair}":
            return Reply(401, b"", {"WWW-Authenticate": "Basic"})
        challenge = secrets.token_hex(8).upper()
        self.challenges.add(challenge)
        body = self.page.format(challenge=challenge).encode(self.encoding)
        return Reply(200, body, {"Content-Type": "text/html"})

    def _give_challenge(self, asked: Asked) -> Reply:
        if asked.headers.get("Authorization") != f"Bearer {TOKEN}":
            return Reply(403)
        self.requests.append(json.loads(asked.body))
        challenge = secrets.token_urlsafe(16)
        self.challenges.add(challenge)
        body = json.dumps({"challenge": challenge}).encode()
        return Reply(200, body, {"Content-Type": "application/json"})

    def _scep(self, asked: Asked) -> Reply:
        query = parse_qs(urlsplit(asked.path).query.replace("+", "%2B"), keep_blank_values=True)
        operation = query["operation"][0]
        self.operations.append(operation)
        if operation == "GetCACaps":
            return Reply(200, self.capabilities.encode(), {"Content-Type": "text/plain"})
        if operation == "GetCACert":
            self.names.append(query["message"][0])
            family = [self.registrar.certificate, self.authority.certificate, *self.above]
            blob = build_signed_data(b"", signers=[], certificates=family)
            return Reply(200, blob, {"Content-Type": "application/x-x509-ca-ra-cert"})
        message = asked.body or base64.b64decode(query["message"][0])
        return Reply(200, self._enroll(message), {"Content-Type": "application/x-pki-message"})

    def _enroll(self, message: bytes) -> bytes:
        asked = verify_signed_data(message)
        body = decrypt_envelope(
            asked.content, key=self.registrar.key, certificate=self.registrar.certificate
        )
        csr = x509.load_der_x509_csr(body)
        given = csr.attributes.get_attribute_for_oid(AttributeOID.CHALLENGE_PASSWORD).value.decode()
        if given not in self.challenges and not (self.static and given == self.static):
            return self._reply(asked, status="2", fail_info="2")
        self.challenges.discard(given)
        key = csr.public_key()
        assert isinstance(key, rsa.RSAPublicKey)
        issued = make_identity(self.authority, subject=csr.subject, public_key=key).certificate
        self.issued.append(issued)
        inner = build_signed_data(b"", signers=[], certificates=[issued])
        return self._reply(asked, status="0", content=build_envelope(inner, recipient=asked.signer))

    def _reply(
        self, asked: Any, *, status: str, fail_info: str | None = None, content: bytes = b""
    ) -> bytes:
        attributes = [
            scep.printable(scep.MESSAGE_TYPE, "3"),
            scep.printable(scep.PKI_STATUS, status),
            scep.printable(scep.TRANSACTION_ID, *asked.attributes[scep.TRANSACTION_ID]),
            scep.octets(scep.RECIPIENT_NONCE, *asked.attributes[scep.SENDER_NONCE]),
            scep.octets(scep.SENDER_NONCE, os.urandom(16)),
        ]
        if fail_info:
            attributes.append(scep.printable(scep.FAIL_INFO, fail_info))
        signer = Signer(
            self.registrar.key, self.registrar.certificate, attributes=tuple(attributes)
        )
        return build_signed_data(
            content,
            signers=[signer],
            certificates=[self.registrar.certificate],
            detached=not content,
        )
