"""S13: what this server calls when an administrator names a URL, and what it never does."""

import socket
import ssl
import time
from typing import Any

import pytest

from scep.errors import AddressRefused, ServerUnreachable
from scep.protocol.http_messages import Credentials
from scep.services import outbound
from scep.services.outbound import fetch, fetch_own
from tests.scep.external.tls_server import Asked, Reply, TlsAuthority, WebServer, serve, serve_raw

# Where names may lead that must not be called from outside, each in several spellings.
PRIVATE = (
    "127.0.0.1",
    "127.8.8.8",
    "10.0.0.1",
    "172.16.3.4",
    "192.168.1.1",
    "100.64.0.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::1",
    "fc00::1",
    "fd12:3456::1",
    "fec0::1",
    "4000::1",
    "ff02::1",
    "2001:db8::1",
    "::ffff:10.0.0.1",
    "::ffff:127.0.0.1",
    "::127.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::7f00:1",
)
# Not even with GUARDMDM_ALLOW_PRIVATE_URLS.
NEVER = (
    "0.0.0.0",
    "169.254.169.254",
    "169.254.1.1",
    "100.100.100.200",
    "168.63.129.16",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "::",
    "::ffff:169.254.169.254",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "2002:7f00:1::",
)
PUBLIC = ("93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::93.184.216.34")


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Every name leads to these addresses; returns the list of names that were asked for."""
    asked: list[str] = []
    resolve = socket.getaddrinfo

    def answer(host: str, port: int, *more: Any, **options: Any) -> list[Any]:
        if host in addresses:  # a connection to an address asks as well
            return resolve(host, port, *more, **options)
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return asked


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that somebody tried to connect to; nothing ever answers."""
    tried: list[str] = []

    def refuse(address: tuple[str, int], *_: Any, **__: Any) -> socket.socket:
        tried.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", refuse)
    return tried


def test_server_is_called_by_its_name_when_it_was_resolved_once(
    monkeypatch: pytest.MonkeyPatch, tls: TlsAuthority, inside: None
) -> None:
    names = resolve_to(monkeypatch, "127.0.0.1")
    with serve(tls.make_context("scep.example.com"), lambda _: Reply(200, b"x")) as server:
        answer = fetch(f"https://scep.example.com:{server.port}/scep?operation=GetCACaps")
        assert (answer.status, answer.body) == (200, b"x")
        assert names == ["scep.example.com"]
        assert server.names == ["scep.example.com"]
        assert server.asked[0].headers["Host"] == f"scep.example.com:{server.port}"
        assert server.asked[0].path == "/scep?operation=GetCACaps"


def test_second_address_is_called_when_the_first_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, web: WebServer, inside: None
) -> None:
    resolve_to(monkeypatch, "127.0.0.2", "127.0.0.1")
    assert fetch(web.url).body == b"hello"


def test_body_and_credentials_arrive_when_posted(web: WebServer, inside: None) -> None:
    answer = fetch(
        f"{web.url}/hook", method="POST", body=b"{}", auth=Credentials("ü", "p:w"),
        headers={"Content-Type": "application/json"},
    )  # fmt: skip
    assert answer.content_type == "text/plain"
    asked = web.asked[0]
    assert (asked.method, asked.body) == ("POST", b"{}")
    assert asked.headers["Authorization"] == "Basic w7w6cDp3"
    assert asked.headers["Content-Type"] == "application/json"


def test_address_literals_are_called_when_the_certificate_names_them(
    tls: TlsAuthority, inside: None
) -> None:
    for address, host in (("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")):
        context = tls.make_context(address)
        with serve(context, lambda _: Reply(200, b"x"), address=address) as server:
            assert fetch(f"https://{host}:{server.port}/").body == b"x"
            assert server.asked[0].headers["Host"] == f"{host}:{server.port}"


@pytest.mark.parametrize(
    "url",
    [
        "http://scep.example.com/",
        "ftp://scep.example.com/",
        "file:///etc/passwd",
        "gopher://scep.example.com/",
        "//scep.example.com/",
        "scep.example.com",
        "",
        "https://",
        "https:///scep",
        "https://:443/",
        "https://user@scep.example.com/",
        "https://user:secret@scep.example.com/",
        "https://good.example.com@127.0.0.1/",
        "https://good.example.com\\@127.0.0.1/",
        "https://scep.example.com:0/",
        "https://scep.example.com:99999/",
        "https://scep.example.com:x/",
        "https://scep.example.com/\r\nHost: evil",
        "https://scep.example.com/a b",
        "https://scep.example.com/\0",
        "https://scep.example.com/#part",
        "https://sc\u0435p.example.com/",
        "https://[fe80::1%25eth0]/",
        "https://[::1/",
        "https://scep.example.com/" + "x" * 500,
    ],
    ids=repr,
)
def test_url_is_refused_when_it_is_no_plain_https_url(url: str, connected: list[str]) -> None:
    with pytest.raises(AddressRefused):
        fetch(url)
    assert connected == []


@pytest.mark.parametrize("address", PRIVATE + NEVER)
def test_nothing_is_called_when_the_name_leads_inside(
    monkeypatch: pytest.MonkeyPatch, connected: list[str], address: str
) -> None:
    resolve_to(monkeypatch, address)
    with pytest.raises(AddressRefused) as caught:
        fetch("https://scep.example.com/")
    assert connected == []
    assert address not in str(caught.value)


def test_nothing_is_called_when_one_of_several_addresses_is_inside(
    monkeypatch: pytest.MonkeyPatch, connected: list[str]
) -> None:
    resolve_to(monkeypatch, PUBLIC[0], "10.0.0.1")
    with pytest.raises(AddressRefused):
        fetch("https://scep.example.com/")
    assert connected == []


@pytest.mark.parametrize("address", NEVER)
def test_metadata_is_not_called_even_when_private_addresses_are_allowed(
    monkeypatch: pytest.MonkeyPatch, connected: list[str], inside: None, address: str
) -> None:
    resolve_to(monkeypatch, address)
    with pytest.raises(AddressRefused):
        fetch("https://scep.example.com/")
    assert connected == []


@pytest.mark.parametrize("address", PUBLIC)
def test_public_address_is_called_when_nothing_is_allowed(
    monkeypatch: pytest.MonkeyPatch, connected: list[str], address: str
) -> None:
    resolve_to(monkeypatch, address)
    with pytest.raises(ServerUnreachable) as caught:
        fetch("https://scep.example.com:8443/")
    assert not isinstance(caught.value, AddressRefused)
    assert connected == [address]


@pytest.mark.parametrize("host", ["localhost", "127.1", "2130706433", "0x7f000001", "[::1]"])
def test_loopback_is_refused_when_spelled_otherwise(
    host: str, web: WebServer, trusting: None
) -> None:
    with pytest.raises(ServerUnreachable):
        fetch(f"https://{host}:{web.port}/")
    assert web.asked == []
    assert web.names == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_not_followed_when_it_leads_to_metadata(
    status: int, web: WebServer, inside: None
) -> None:
    web.answer = lambda _: Reply(status, b"", {"Location": f"{web.url}/latest/meta-data/"})
    with pytest.raises(ServerUnreachable, match="redirects"):
        fetch(f"{web.url}/scep")
    assert [asked.path for asked in web.asked] == ["/scep"]


def test_server_is_refused_when_its_certificate_names_another(
    monkeypatch: pytest.MonkeyPatch, web: WebServer, inside: None
) -> None:
    resolve_to(monkeypatch, "127.0.0.1")
    with pytest.raises(ServerUnreachable, match="TLS failed"):
        fetch(f"https://scep.example.com:{web.port}/")
    assert web.asked == []


def test_server_is_refused_when_its_ca_is_not_trusted(web: WebServer, settings: Any) -> None:
    settings.ALLOW_PRIVATE_URLS = True
    with pytest.raises(ServerUnreachable, match="TLS failed"):
        fetch(web.url)
    assert web.asked == []


def test_server_is_refused_when_it_speaks_no_tls(inside: None) -> None:
    def speak(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")

    with serve_raw(speak) as port, pytest.raises(ServerUnreachable):
        fetch(f"https://localhost:{port}/")


def drip(connection: socket.socket, *, pieces: bytes, pause: float = 0.2) -> None:
    for piece in pieces * 1000:
        connection.sendall(bytes([piece]))
        time.sleep(pause)


@pytest.mark.parametrize("part", ["handshake", "headers", "body", "silence"])
def test_call_ends_in_time_when_the_server_drips(
    part: str, tls: TlsAuthority, inside: None, short: None
) -> None:
    context = tls.make_context("localhost")

    def behave(connection: socket.socket) -> None:
        if part == "handshake":
            drip(connection, pieces=b"\x16\x03\x03\x40\x00")
            return
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(4096)
            if part == "silence":
                time.sleep(10)
            if part == "body":
                secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            drip(secure, pieces=b"HTTP/1.1 200 OK\r\nX: ")

    with serve_raw(behave) as port:
        started = time.monotonic()
        with pytest.raises(ServerUnreachable):
            fetch(f"https://localhost:{port}/")
        assert time.monotonic() - started < 10 * outbound.SECONDS


def resolve_late(*_: object, **__: object) -> list[object]:
    time.sleep(30)
    return []


def test_call_ends_in_time_when_the_name_server_is_silent(
    monkeypatch: pytest.MonkeyPatch, short: None
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", resolve_late)
    started = time.monotonic()
    with pytest.raises(ServerUnreachable, match="not resolved in time"):
        fetch("https://scep.example.com/")
    assert time.monotonic() - started < 10 * outbound.SECONDS


@pytest.mark.parametrize("kind", ["length", "chunked", "until closed", "headers"])
def test_call_ends_when_the_answer_is_endless(kind: str, tls: TlsAuthority, inside: None) -> None:
    context = tls.make_context("localhost")
    sent = 0

    def behave(connection: socket.socket) -> None:
        nonlocal sent
        heads = {
            "length": b"Content-Length: 100000000000\r\n\r\n",
            "chunked": b"Transfer-Encoding: chunked\r\n\r\n",
            "until closed": b"\r\n",
            "headers": b"",
        }
        block = b"x" * 65536
        more = {"chunked": b"10000\r\n" + block + b"\r\n", "headers": b"X: y\r\n" * 1000}
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(4096)
            secure.sendall(b"HTTP/1.1 200 OK\r\n" + heads[kind])
            while True:
                sent += secure.send(more.get(kind, block))

    with serve_raw(behave) as port, pytest.raises(ServerUnreachable):
        fetch(f"https://localhost:{port}/")
    time.sleep(0.2)
    assert sent < 16 * outbound.MAX_BODY_BYTES


def test_packed_answer_is_not_unpacked_when_the_server_insists(
    web: WebServer, inside: None
) -> None:
    bomb = b"\x1f\x8b" + bytes(1000)
    web.answer = lambda _: Reply(200, bomb, {"Content-Encoding": "gzip"})
    assert fetch(web.url).body == bomb
    assert web.asked[0].headers["Accept-Encoding"] == "identity"


def test_no_secret_is_told_when_a_call_fails(web: WebServer, inside: None) -> None:
    def fail(asked: Asked) -> Reply:
        return Reply(302, b"", {"Location": "https://elsewhere.example.com/?key=hush"})

    web.answer = fail
    with pytest.raises(ServerUnreachable) as caught:
        fetch(f"{web.url}/hook?key=hush", auth=Credentials("user", "hush"))
    assert "hush" not in str(caught.value)


def test_own_server_is_called_when_it_is_inside(
    tls: TlsAuthority, web: WebServer, settings: Any
) -> None:
    settings.BASE_URL = web.url
    roots = ssl.DER_cert_to_PEM_cert(ssl.PEM_cert_to_DER_cert(tls.path.read_text()))
    assert fetch_own("/scep/x", roots=roots).body == b"hello"
