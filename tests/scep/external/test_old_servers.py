"""External SCEP servers as companies have had them for years: old digests, words of their own."""

from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from django.utils import timezone

from scep.errors import ServerUnreachable
from scep.models import ScepProfile
from scep.services.external_servers import check_external_servers, check_profile
from scep.services.external_servers import fetch_ca_certificates as fetch
from scep.services.profile_test import try_profile as run
from scep.services.profiles import create_scep_profile
from tests.scep.corporate_ca import CorporateCa
from tests.scep.external.scep_server import ScepServer, make_key
from tests.scep.external.tls_server import Reply, WebServer
from tests.scep.reply import run_openssl
from tests.simulator.cms import build_signed_data

pytestmark = pytest.mark.django_db
CA = {"Content-Type": "application/x-x509-ca-cert"}
CA_RA = {"Content-Type": "application/x-x509-ca-ra-cert"}


def serve(server: WebServer, *shown: CorporateCa) -> None:
    blob = build_signed_data(b"", signers=[], certificates=[each.certificate for each in shown])
    server.answer = lambda asked: (
        Reply(200, b"SHA-256\n") if "Caps" in asked.path else Reply(200, blob, CA_RA)
    )


def sign_with_sha1(ca: CorporateCa, folder: Path) -> CorporateCa:
    """Return it with a certificate signed by OpenSSL, as the library signs none any more."""
    assert ca.parent is not None
    csr = x509.CertificateSigningRequestBuilder(ca.subject).sign(ca.key, hashes.SHA256())
    usage = "keyCertSign" if ca.is_authority else "digitalSignature,keyEncipherment"
    lines = f"basicConstraints=CA:{str(ca.is_authority).upper()}\nkeyUsage={usage}\n"
    files = {
        "csr": csr.public_bytes(Encoding.PEM), "ca": ca.parent.pem, "key": ca.parent.key_pem,
        "extensions": lines.encode(),
    }  # fmt: skip
    for name, content in files.items():
        (folder / name).write_bytes(content)
    signed = run_openssl(
        "x509", "-req", "-in", str(folder / "csr"), "-CA", str(folder / "ca"), "-CAkey",
        str(folder / "key"), "-sha1", "-days", "30", "-set_serial", "77", "-extfile",
        str(folder / "extensions"),
    )  # fmt: skip
    ca.certificate = x509.load_pem_x509_certificate(signed)
    assert isinstance(ca.certificate.signature_hash_algorithm, hashes.SHA1)
    return ca


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> tuple[CorporateCa, ...]:
    """An RA, its CA and the root; SHA-1 signs the first two."""
    folder, root = tmp_path_factory.mktemp("old"), CorporateCa("Root")
    issuing = sign_with_sha1(CorporateCa("Old CA", parent=root, key=make_key()), folder)
    registrar = CorporateCa("RA", parent=issuing, key=make_key(), is_authority=False)
    return sign_with_sha1(registrar, folder), issuing, root


def test_server_is_usable_when_its_chain_is_signed_with_sha1(
    outside: WebServer, values: dict[str, Any], old: tuple[CorporateCa, ...]
) -> None:
    serve(outside, *old)
    _, issuing, _ = old
    fingerprint = issuing.certificate.fingerprint(hashes.SHA256()).hex()
    assert fetch(values["external_url"], ca_name="").fingerprint == fingerprint
    trusting = {"ca_fingerprint": fingerprint, "trusted_ca_pem": issuing.pem.decode()}
    steps = run(create_scep_profile(actor="tests", **values | trusting), now=timezone.now())
    assert [(step.name, step.ok) for step in steps] == [
        ("GetCACaps", True),
        ("GetCACert", True),
        ("Trusted CAs", True),
    ]


def test_trust_step_fails_when_a_ca_of_the_name_has_not_signed_the_old_chain(
    outside: WebServer, values: dict[str, Any], old: tuple[CorporateCa, ...]
) -> None:
    registrar, issuing, _ = old
    serve(outside, registrar, issuing)
    impostor = CorporateCa("Old CA", key=make_key())
    trusting = {
        "ca_fingerprint": issuing.certificate.fingerprint(hashes.SHA256()).hex(),
        "trusted_ca_pem": impostor.pem.decode(),
    }
    steps = run(create_scep_profile(actor="tests", **values | trusting), now=timezone.now())
    assert not steps[-1].ok


def test_issuing_ca_is_shown_when_its_root_has_got_a_key_of_another_kind(
    outside: WebServer, values: dict[str, Any]
) -> None:
    before, after = CorporateCa("Root", key=make_key()), CorporateCa("Root")
    issuing = CorporateCa("Issuing CA", parent=before)
    serve(outside, after, before, issuing)
    assert "Issuing CA" in fetch(values["external_url"], ca_name="").subject


def test_ca_of_the_ra_is_shown_when_the_next_one_stands_beside_it(
    outside: WebServer, stranger: ScepServer, values: dict[str, Any]
) -> None:
    for name in ("A next CA", "Next CA of a longer name"):
        stranger.above = [CorporateCa(name).certificate]
        found = fetch(values["external_url"], ca_name="")
        assert found.fingerprint == stranger.authority.fingerprint


@pytest.mark.parametrize(
    "answer",
    [
        b"SHA-256\nAES\nMy Vendor 4.2 (beta)\n",
        "SHA-256\nRené\n".encode("latin-1"),
        "\ufeffSHA-256\nAES\n".encode(),
        b"SHA-256\r\nAES\r\n" * 500,
        b"sha-256\n",
        b"",
    ],
    ids=["vendor", "latin-1", "mark", "again and again", "lower case", "empty"],
)
def test_server_is_well_when_it_says_more_than_scep_knows(
    external: ScepProfile, stranger: ScepServer, outside: WebServer, answer: bytes
) -> None:
    outside.answer = lambda asked: (
        Reply(200, answer) if "Caps" in asked.path else stranger.answer(asked)
    )
    assert check_profile(external, now=timezone.now()).check_code == ""


@pytest.mark.parametrize("answer", [b"<html>\nSign in\n</html>", b"SHA-256,AES", b"\0" * 50])
def test_server_counts_as_unreachable_when_no_word_is_scep_s(
    values: dict[str, Any], outside: WebServer, answer: bytes
) -> None:
    outside.answer = lambda asked: Reply(200, answer)
    with pytest.raises(ServerUnreachable, match="GetCACaps"):
        fetch(values["external_url"], ca_name="")


def test_other_servers_are_checked_when_one_shows_a_ca_that_ends_in_no_year(
    external: ScepProfile, stranger: ScepServer, outside: WebServer
) -> None:
    certificate = CorporateCa("CA", days=365 * 40).certificate
    der, year = certificate.public_bytes(Encoding.DER), certificate.not_valid_after_utc.year
    never = der.replace(b"\x18\x0f%d" % year, b"\x18\x0f0000")
    assert never != der
    outside.answer = lambda asked: (
        Reply(200, b"AES") if "Caps" in asked.path else Reply(200, never, CA)
    )
    assert check_external_servers(now=timezone.now()) == 1
    external.refresh_from_db()
    assert external.check_code == "scep_server_unreachable"
