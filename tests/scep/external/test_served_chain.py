"""Who vouches for a server's certificate, seen in real TLS handshakes on loopback."""

from cryptography.hazmat.primitives.serialization import Encoding

from scep.services.served_chain import Vouching, inspect_chain
from tests.scep.external.tls_server import Reply, TlsAuthority, WebServer, serve


def test_vouching_is_told_by_whose_root_verifies_the_server(
    web: WebServer, tls: TlsAuthority
) -> None:
    der = tls.certificate.public_bytes(Encoding.DER)
    assert inspect_chain(web.url, roots=[], public_roots=str(tls.path)).vouching == Vouching.PUBLIC
    assert inspect_chain(web.url, roots=[der]).vouching == Vouching.OWN
    assert inspect_chain(web.url, roots=[]).vouching == Vouching.OTHER


def test_a_store_of_this_machine_makes_nothing_public(
    web: WebServer, tls: TlsAuthority, trusting: None
) -> None:
    assert inspect_chain(web.url, roots=[]).vouching == Vouching.OTHER


def test_nobody_vouches_when_the_certificate_is_for_another_name(tls: TlsAuthority) -> None:
    der = tls.certificate.public_bytes(Encoding.DER)
    with serve(tls.make_context("other.example"), lambda asked: Reply()) as server:
        assert inspect_chain(server.url, roots=[der]).vouching == Vouching.OTHER


def test_nothing_is_known_when_the_server_cannot_be_asked() -> None:
    for url in ("https://localhost:9", "https://nowhere.invalid", "http://localhost:9"):
        assert inspect_chain(url, roots=[]).vouching == Vouching.UNKNOWN
