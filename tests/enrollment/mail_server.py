"""A mail server on loopback, with TLS and sign-in, that refuses what tests want refused."""

import ssl
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from tests.scep.device import make_key
from tests.services import find_free_port

USER, PASSWORD = "mdm", "pass/word@1"


class MailServer:
    """Takes mails into `mails`; `refuse` answers for a recipient, or None."""

    def __init__(self, context: ssl.SSLContext | None = None, *, implicit: bool = False) -> None:
        self.mails: list[EmailMessage] = []
        self.connections = 0
        self.refuse: Callable[[str], str | None] = lambda address: None
        options: dict[str, Any] = {}
        if context is not None:
            options = {"authenticator": self._authenticate, "auth_required": True}
            if implicit:
                options |= {"ssl_context": context, "auth_require_tls": False}
            else:
                options |= {"tls_context": context, "require_starttls": True}
        server = self

        class Handler:
            async def handle_RCPT(
                self, smtp: SMTP, session: Any, envelope: Any, address: str, _options: list[str]
            ) -> str:
                if answer := server.refuse(address):
                    return answer
                envelope.rcpt_tos.append(address)
                return "250 OK"

            async def handle_DATA(self, smtp: SMTP, session: Any, envelope: Any) -> str:
                mail = message_from_bytes(envelope.content, policy=policy.default)
                assert isinstance(mail, EmailMessage)
                mail["X-Recipients"] = ",".join(envelope.rcpt_tos)
                server.mails.append(mail)
                return "250 OK"

        class Listener(Controller):
            def factory(self) -> SMTP:
                server.connections += 1
                return super().factory()  # type: ignore[no-any-return]

        self.port = find_free_port()
        self.controller = Listener(Handler(), hostname="127.0.0.1", port=self.port, **options)

    def __enter__(self) -> "MailServer":
        self.controller.start()
        self.connections = 0  # starting takes one
        return self

    def __exit__(self, *_: object) -> None:
        self.controller.stop()

    def _authenticate(
        self, server: SMTP, session: Any, envelope: Any, mechanism: str, data: LoginPassword
    ) -> AuthResult:
        good = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=good, handled=False)


def make_tls(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A self-signed certificate of 127.0.0.1: the server's context, and the file to trust."""
    from datetime import UTC, datetime, timedelta
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.x509.oid import NameOID

    key, now = make_key(), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "mail.pem", folder / "mail.key"
    public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(public, private)
    return context, public
