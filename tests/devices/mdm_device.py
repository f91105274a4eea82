"""A device as the server sees it: a key, a certificate of our CA, messages it signs."""

import base64
import plistlib
import subprocess
import tempfile
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs7,
)
from django.http import HttpResponse
from django.test import Client

from devices.models import Device, Enrollment, Group
from devices.selectors import get_push_certificate
from scep.models import IssuedCertificate
from scep.selectors import get_certificate
from tests.scep.certifying import certify

CHECKIN, CONNECT = "/mdm/checkin", "/mdm/connect"
CHECKIN_TYPE = "application/x-apple-aspen-mdm-checkin"
CONNECT_TYPE = "application/x-apple-aspen-mdm"


@dataclass
class Identity:
    """A key and its certificate; `row` is the CA's, None for a stranger's."""

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate
    row: IssuedCertificate | None = None

    def sign(self, content: bytes) -> str:
        """Return an Mdm-Signature with signed attributes and SHA-256."""
        builder = pkcs7.PKCS7SignatureBuilder().set_data(content)
        builder = builder.add_signer(self.certificate, self.key, hashes.SHA256())
        options = [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary]
        return base64.b64encode(builder.sign(Encoding.DER, options)).decode()

    def sign_like_old_devices(self, content: bytes) -> str:
        """Return one without signed attributes, SHA-1, indefinite lengths; made by OpenSSL."""
        with tempfile.TemporaryDirectory() as folder:
            pem, body = Path(folder) / "identity.pem", Path(folder) / "body"
            key = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            pem.write_bytes(key + self.certificate.public_bytes(Encoding.PEM))
            body.write_bytes(content)
            command = ["openssl", "cms", "-sign", "-binary", "-noattr", "-md", "sha1"]
            command += ["-outform", "DER", "-signer", str(pem), "-in", str(body)]
            der = subprocess.run(command, check=True, capture_output=True).stdout
        return base64.b64encode(_to_indefinite(der)).decode()


def _to_indefinite(der: bytes) -> bytes:
    """Rewrite ContentInfo, its [0] and SignedData with indefinite lengths, as devices send them."""
    content_info = _get_contents(der)
    oid_size = 2 + content_info[1]
    oid, tagged = content_info[:oid_size], content_info[oid_size:]
    signed_data = _get_contents(_get_contents(tagged))
    return b"\x30\x80" + oid + b"\xa0\x80\x30\x80" + signed_data + bytes(6)


def _get_contents(der: bytes) -> bytes:
    """Return what one DER element holds, without its tag and length."""
    return der[2 + (der[1] & 0x7F if der[1] & 0x80 else 0) :]


def make_identity(*, session_id: str = "", now: datetime) -> Identity:
    """An identity certificate from the server's own CA."""
    key, row = certify(session_id=session_id, now=now)
    return Identity(key, get_certificate(row), row)


@dataclass
class MdmDevice:
    """Sends what an Apple device sends; every method returns the server's answer."""

    identity: Identity
    group: Group
    udid: str = field(default_factory=lambda: str(uuid.uuid4()).upper())
    serial: str = field(default_factory=lambda: uuid.uuid4().hex[:10].upper())
    product: str = "iPhone14,2"
    token: bytes = field(default_factory=lambda: uuid.uuid4().bytes * 2)
    magic: str = field(default_factory=lambda: str(uuid.uuid4()).upper())
    topic: str = field(default_factory=lambda: get_push_certificate().topic)
    is_user_enrollment: bool = False
    client: Client = field(default_factory=Client)

    def put(self, path: str, message: dict[str, Any] | bytes, **options: Any) -> HttpResponse:
        body = message if isinstance(message, bytes) else plistlib.dumps(message)
        signature = options.pop("signature", None)
        headers = {"Mdm-Signature": self.identity.sign(body) if signature is None else signature}
        content_type = CONNECT_TYPE if path == CONNECT else CHECKIN_TYPE
        return self.client.put(  # type: ignore[return-value]
            path, body, content_type=options.pop("content_type", content_type), headers=headers
        )

    def message(self, message_type: str, **more: Any) -> dict[str, Any]:
        return {"MessageType": message_type, "Topic": self.topic, **self.names, **more}

    @property
    def names(self) -> dict[str, str]:
        """What the device calls itself; in a User Enrollment `udid` is its EnrollmentID."""
        return {"EnrollmentID" if self.is_user_enrollment else "UDID": self.udid}

    def authenticate(self, challenge: str | None = None, **more: Any) -> HttpResponse:
        challenge = f"group-{self.group.pk}" if challenge is None else challenge
        facts = {"ProductName": self.product, "OSVersion": "18.1"}
        if not self.is_user_enrollment:
            facts["SerialNumber"] = self.serial
        message = self.message("Authenticate", **(facts | more))
        return self.put(f"{CHECKIN}?challenge={challenge}", message)

    def token_update(self, **more: Any) -> HttpResponse:
        facts = {"Token": self.token, "PushMagic": self.magic}
        return self.put(CHECKIN, self.message("TokenUpdate", **(facts | more)))

    def check_out(self) -> HttpResponse:
        return self.put(CHECKIN, self.message("CheckOut"))

    def enroll(self) -> "MdmDevice":
        assert self.authenticate().status_code == 200
        assert self.token_update().status_code == 200
        return self

    def connect(self, status: str = "Idle", command: str = "", **more: Any) -> HttpResponse:
        message = {"Status": status, **self.names, **more}
        return self.put(CONNECT, message | ({"CommandUUID": command} if command else {}))

    def take(self, status: str = "Idle", command: str = "", **more: Any) -> dict[str, Any] | None:
        """Return the command that the server answers with, or None."""
        response = self.connect(status, command, **more)
        assert response.status_code == 200, response.content
        return plistlib.loads(response.content) if response.content else None

    def answer_everything(self, answers: dict[str, dict[str, Any]] | None = None) -> list[str]:
        """Acknowledge until nothing comes; return the RequestTypes in their order."""
        seen: list[str] = []
        command = self.take()
        while command is not None:
            seen.append(command["Command"]["RequestType"])
            more = (answers or {}).get(seen[-1], {})
            command = self.take("Acknowledged", command["CommandUUID"], **more)
        return seen

    @property
    def row(self) -> Device:
        return Device.objects.get(udid=self.udid)

    @property
    def enrollment(self) -> Enrollment:
        assert self.identity.row is not None
        return Enrollment.objects.get(certificate_sha256=self.identity.row.fingerprint)
