"""Real TLS servers on loopback, with a CA of the tests' own, and every way to misbehave."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

LIFETIME = timedelta(days=1)


class TlsAuthority:
    """A CA for servers, as companies have them: `path` is its certificate in a PEM file.

    Its certificates lack key identifiers, as many such do.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tests' TLS CA")])
        self.certificate = (
            self._start(self.name, self.key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self.key, hashes.SHA256())
        )
        self.path = folder / "tls-ca.pem"
        self.path.write_bytes(self.certificate.public_bytes(Encoding.PEM))

    def make_context(self, *hosts: str) -> ssl.SSLContext:
        """A server's TLS context with a certificate for `hosts`, names or addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])])
        names = x509.SubjectAlternativeName([_name_host(host) for host in hosts])
        certificate = (self._start(name, key.public_key()).add_extension(names, False)).sign(
            self.key, hashes.SHA256()
        )
        path = self.folder / f"server-{certificate.serial_number}.pem"
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(pem + certificate.public_bytes(Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _start(self, name: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - LIFETIME)
            .not_valid_after(now + LIFETIME)
        )


def _name_host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


@dataclass
class Asked:
    """One request as the server saw it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Reply:
    """What to answer."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class WebServer:
    """A TLS server that keeps every request; `answer` may be exchanged at any time."""

    port: int
    answer: Callable[[Asked], Reply]
    host: str = "localhost"
    asked: list[Asked] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"https://{self.host}:{self.port}"


@contextlib.contextmanager
def serve(
    context: ssl.SSLContext, answer: Callable[[Asked], Reply], *, address: str = "127.0.0.1"
) -> Iterator[WebServer]:
    """An HTTPS server on a free port of loopback."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def reply(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = Asked(self.command, self.path, dict(self.headers.items()), body)
            server.asked.append(asked)
            answer = server.answer(asked)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_POST = reply

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Listener(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass

    def note_name(_: Any, name: str | None, __: Any) -> None:
        server.names.append(name)

    context.sni_callback = note_name
    with Listener((address, 0), Handler) as listener:
        listener.socket = context.wrap_socket(
            listener.socket, server_side=True, do_handshake_on_connect=False
        )
        server = WebServer(listener.server_port, answer)
        threading.Thread(target=listener.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        listener.shutdown()


@contextlib.contextmanager
def serve_raw(behave: Callable[[socket.socket], None]) -> Iterator[int]:
    """A TCP server whose every connection is handed to `behave`; yields its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    threading.Thread(target=guard, args=(connection,), daemon=True).start()

        def guard(connection: socket.socket) -> None:
            with contextlib.suppress(OSError, ssl.SSLError), connection:
                behave(connection)

        threading.Thread(target=run, daemon=True).start()
        yield int(listener.getsockname()[1])
