"""Who vouches for a server's certificate, seen in real TLS handshakes on loopback."""

from cryptography.hazmat.primitives.serialization import Encoding

from scep.services.served_chain import Vouching, find_vouching
from tests.scep.external.tls_server import Reply, TlsAuthority, WebServer, serve


def test_vouching_is_told_by_whose_root_verifies_the_server(
    web: WebServer, tls: TlsAuthority
) -> None:
    der = tls.certificate.public_bytes(Encoding.DER)
    assert find_vouching(web.url, roots=[], public_roots=str(tls.path)) == Vouching.PUBLIC
    assert find_vouching(web.url, roots=[der]) == Vouching.OWN
    assert find_vouching(web.url, roots=[]) == Vouching.OTHER


def test_a_store_of_this_machine_makes_nothing_public(
    web: WebServer, tls: TlsAuthority, trusting: None
) -> None:
    assert find_vouching(web.url, roots=[]) == Vouching.OTHER


def test_nobody_vouches_when_the_certificate_is_for_another_name(tls: TlsAuthority) -> None:
    der = tls.certificate.public_bytes(Encoding.DER)
    with serve(tls.make_context("other.example"), lambda asked: Reply()) as server:
        assert find_vouching(server.url, roots=[der]) == Vouching.OTHER


def test_nothing_is_known_when_the_server_cannot_be_asked() -> None:
    for url in ("https://localhost:9", "https://nowhere.invalid", "http://localhost:9"):
        assert find_vouching(url, roots=[]) == Vouching.UNKNOWN
