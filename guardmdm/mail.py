"""The mail server: its address from the environment, and a connection that checks who it is."""

import ssl
from dataclasses import dataclass, field
from email.utils import parseaddr
from urllib.parse import unquote, urlsplit

from organization.protocol.loopback import is_loopback
from organization.protocol.tls import build_client_context

# What a scheme stands for: RFC 8314 (submissions), RFC 6409 with STARTTLS, and plain text.
PORTS = {"smtps": 465, "submission": 587, "smtp": 25}


@dataclass(frozen=True)
class MailServer:
    """An empty `host` means that no mail is sent."""

    host: str = ""
    port: int = 0
    user: str = ""
    password: str = field(default="", repr=False)
    starttls: bool = False
    implicit_tls: bool = False


def decode_mail_url(text: str) -> MailServer:
    """Decode `submission://user:password@host`; raises ValueError with what is wrong."""
    parts = urlsplit(text)
    if parts.scheme not in PORTS or not parts.hostname:
        raise ValueError("must be like submission://user:password@mail.example.com")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("must end with the port; escape / ? # @ and : in the password (%2F …)")
    port = parts.port if parts.port is not None else PORTS[parts.scheme]
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if parts.scheme == "smtp" and user and not is_loopback(parts.hostname):
        raise ValueError("would send the password in clear: use submission:// or smtps://")
    return MailServer(
        host=parts.hostname,
        port=port,
        user=user,
        password=password,
        starttls=parts.scheme == "submission",
        implicit_tls=parts.scheme == "smtps",
    )


def check_sender(text: str) -> str:
    """Return the bare address that mails come from; raises ValueError."""
    name, address = parseaddr(text)
    if name or address != text or "@" not in address or not address.isprintable():
        raise ValueError("must be an address like mdm@example.com")
    return address


def build_tls_context(ca_file: str) -> ssl.SSLContext:
    """Return what mail servers are checked against: the system's CAs, or those of the file."""
    return build_client_context(ca_file=ca_file or None)
