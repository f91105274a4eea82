"""A hand-sized MDM server, enough for the simulator's own checks; not GuardMDM.

Runs inside httpx.MockTransport; queue commands with `commands`, read `messages`.
"""

import base64
import json
import os
import plistlib
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qs

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from tests.simulator.cms import Signer, build_envelope, build_signed_data, decrypt_envelope
from tests.simulator.cms.verify import verify_signed_data
from tests.simulator.errors import CmsInvalid
from tests.simulator.scep import pki_message as scep

from .conftest import Holder, issue

HOST = "https://mdm.example.com"
URL = f"{HOST}/enroll?token=tok"
TOPIC = "com.apple.mgmt.External.check"
PAGE = '<form method="post" action="/enroll/sessions"><input name="token" value="tok"></form>'


class SmallServer:
    """Its switches: caps, pending (how often to answer so), challenge, page, extra_mdm.

    replies: what check-in messages are answered with, a property list or a status, by their
    MessageType. documents: JSON for DeclarativeManagement, by Endpoint.
    """

    def __init__(self, root: Holder, registrar: Holder, *, host: str = HOST) -> None:
        self.host = host
        self.pins: dict[int, str] = {}
        self.signers: list[int] = []
        self.root, self.registrar = root, registrar
        # Of the RA's key, as a new one for each test takes longer than most of them.
        self.signer = issue("Profile Signer", issuer=root, key=registrar.key)
        self.caps = "POSTPKIOperation\nSHA-256\nAES\nSCEPStandard\n"
        self.challenge = "open sesame"
        self.pending = 0
        self.page = PAGE
        self.extra_mdm: dict[str, Any] = {}
        self.replies: dict[str, dict[str, Any] | int] = {}
        self.documents: dict[str, Any] = {}
        self.messages: list[dict[str, Any]] = []
        self.answers: list[dict[str, Any]] = []
        self.commands: deque[dict[str, Any]] = deque()
        self.operations: list[str] = []
        self.request: bytes | None = None

    def client(self) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(self.handle))

    def handle(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        routes: dict[str, Callable[[], httpx.Response]] = {
            "/enroll": lambda: httpx.Response(200, text=self.page),
            "/enroll/sessions": self._session,
            "/enroll/ca.pem": lambda: httpx.Response(200, content=self._pem()),
            "/enroll/profile": self._profile,
            "/enroll/sessions/ses_1/profile": self._profile,
            "/enroll/sessions/ses_1": lambda: httpx.Response(200, json={"state": "managed"}),
            "/scep/1": lambda: self._scep(request),
            "/mdm/checkin": lambda: self._check_in(request),
            "/mdm/connect": lambda: self._connect(request),
        }
        return routes[path]()

    def _pem(self) -> bytes:
        return self.root.certificate.public_bytes(Encoding.PEM)

    def _session(self) -> httpx.Response:
        at = "/enroll/sessions/ses_1"
        body = {"id": "ses_1", "state": "open", "profile_url": f"{at}/profile", "status_url": at}
        return httpx.Response(201, content=json.dumps(body))

    def _profile(self) -> httpx.Response:
        kind = {"content-type": "application/x-apple-aspen-config"}
        return httpx.Response(200, content=self.build_profile(), headers=kind)

    def build_profile(self) -> bytes:
        """The signed enrollment profile."""
        return self.sign(plistlib.dumps(self.profile()))

    def sign(self, content: bytes) -> bytes:
        """Content as attached, signed CMS."""
        signer = Signer(self.signer.key, self.signer.certificate)
        return build_signed_data(content, signers=[signer], certificates=[self.signer.certificate])

    def profile(self) -> dict[str, Any]:
        """The enrollment profile's property list."""
        fingerprint = self.root.certificate.fingerprint(hashes.SHA256())
        content = {
            "URL": f"{self.host}/scep/1",
            "Name": "check",
            "Subject": [[["CN", "device"]], [["O", "Check & Co"]]],
            "Challenge": self.challenge,
            "Keysize": 2048,
            "Key Type": "RSA",
            "Key Usage": 5,
            "CAFingerprint": fingerprint,
            "RetryDelay": 1,
        }
        mdm = {
            "IdentityCertificateUUID": "uuid-com.apple.security.scep",
            "Topic": TOPIC,
            "ServerURL": f"{self.host}/mdm/connect",
            "CheckInURL": f"{self.host}/mdm/checkin?challenge=jwt",
            "SignMessage": True,
            "AccessRights": 8191,
            "CheckOutWhenRemoved": True,
        }
        payloads = [
            describe("com.apple.security.scep") | {"PayloadContent": content},
            describe("com.apple.mdm") | mdm | self.extra_mdm,
        ]
        return describe("Configuration", "enrollment") | {"PayloadContent": payloads}

    def _scep(self, request: httpx.Request) -> httpx.Response:
        query = parse_qs(request.url.query.decode().replace("+", "%2B"))
        operation = query["operation"][0]
        self.operations.append(f"{request.method} {operation}")
        if operation == "GetCACaps":
            return httpx.Response(200, text=self.caps)
        if operation == "GetCACert":
            family = [self.registrar.certificate, self.root.certificate]
            blob = build_signed_data(b"", signers=[], certificates=family)
            kind = {"content-type": "application/x-x509-ca-ra-cert"}
            return httpx.Response(200, content=blob, headers=kind)
        message = request.content or base64.b64decode(query["message"][0])
        kind = {"content-type": "application/x-pki-message"}
        return httpx.Response(200, content=self._answer_scep(message), headers=kind)

    def _answer_scep(self, message: bytes) -> bytes:
        asked = verify_signed_data(message)
        body = decrypt_envelope(
            asked.content, key=self.registrar.key, certificate=self.registrar.certificate
        )
        if self.pending:
            self.pending -= 1
            self.request = self.request or body
            return self._reply(asked, status="3")
        csr = x509.load_der_x509_csr(self.request or body)
        oid = x509.oid.AttributeOID.CHALLENGE_PASSWORD
        if csr.attributes.get_attribute_for_oid(oid).value.decode() != self.challenge:
            return self._reply(asked, status="2", fail_info="2")
        public = csr.public_key()
        issued = issue("issued", issuer=self.root, public_key=public, key=self.root.key)  # type: ignore[arg-type]
        inner = build_signed_data(b"", signers=[], certificates=[issued.certificate])
        envelope = build_envelope(inner, recipient=asked.signer)
        return self._reply(asked, status="0", content=envelope)

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
        holder = self.registrar
        signer = Signer(holder.key, holder.certificate, attributes=tuple(attributes))
        return build_signed_data(
            content, signers=[signer], certificates=[holder.certificate], detached=not content
        )

    def _read(self, request: httpx.Request) -> dict[str, Any] | None:
        header = request.headers.get("Mdm-Signature", "")
        try:
            proof = verify_signed_data(base64.b64decode(header), content=request.content)
            proof.signer.verify_directly_issued_by(self.root.certificate)
        except CmsInvalid:
            return None
        self.signers.append(proof.signer.serial_number)
        message: dict[str, Any] = plistlib.loads(request.content)
        if self.pins.setdefault(proof.signer.serial_number, message["UDID"]) != message["UDID"]:
            return None
        return message

    def _check_in(self, request: httpx.Request) -> httpx.Response:
        assert request.url.query == b"challenge=jwt"
        assert request.headers["content-type"] == "application/x-apple-aspen-mdm-checkin"
        message = self._read(request)
        if message is None:
            return httpx.Response(403, text="not trusted")
        self.messages.append(message)
        if message["MessageType"] == "DeclarativeManagement" and "Data" not in message:
            document = self.documents.get(message["Endpoint"])
            return httpx.Response(404 if document is None else 200, json=document)
        reply = self.replies.get(message["MessageType"], {})
        if isinstance(reply, int):
            return httpx.Response(reply)
        return httpx.Response(200, content=plistlib.dumps(reply) if reply else b"")

    def _connect(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["content-type"] == "application/x-apple-aspen-mdm"
        message = self._read(request)
        if message is None:
            return httpx.Response(403, text="not trusted")
        self.answers.append(message)
        if message["Status"] == "NotNow" or not self.commands:
            return httpx.Response(200)
        command = {"CommandUUID": f"c{len(self.answers)}", "Command": self.commands.popleft()}
        return httpx.Response(200, content=plistlib.dumps(command))


def describe(kind: str, name: str | None = None) -> dict[str, Any]:
    """The common keys of a payload."""
    return {
        "PayloadType": kind,
        "PayloadIdentifier": f"com.example.{name or kind}",
        "PayloadUUID": f"uuid-{name or kind}",
        "PayloadVersion": 1,
    }


@contextmanager
def serve(root: Holder, registrar: Holder) -> Iterator[SmallServer]:
    """The same server on a real loopback port, at `.host`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            url = f"{server.host}{self.path}"
            asked = httpx.Request(self.command, url, headers=dict(self.headers), content=body)
            with lock:
                answer = server.handle(asked)
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers.get("content-type", "text/html"))
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = do_PUT = answer

        def log_message(self, format: str, *args: Any) -> None:
            pass

    lock = Lock()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        server = SmallServer(root, registrar, host=f"http://127.0.0.1:{listener.server_port}")
        Thread(target=listener.serve_forever, daemon=True).start()
        yield server
        listener.shutdown()
