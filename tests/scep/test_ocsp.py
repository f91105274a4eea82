"""The OCSP responder over HTTP, as openssl asks and believes it."""

import base64
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from asn1crypto import ocsp
from cryptography.hazmat.primitives import hashes
from django.utils import timezone

from scep.models import CertificateAuthority, CertificateStatus, IssuedCertificate
from scep.selectors import get_certificate, get_issuing_ca, get_root_ca
from scep.services.ocsp import SIGNER_LIFETIME, SIGNER_RENEWED_BEFORE, ensure_ocsp_signer
from scep.services.revocation import revoke_service_certificate
from tests import plain_http
from tests.scep.asking import POST, ask_about, get_chain, issue, issue_revoked
from tests.scep.device import make_key, make_self_signed
from tests.scep.relying_party import (
    GOOD,
    REVOKED,
    UNKNOWN,
    ask_by_openssl,
    build_awkward_request,
    build_request,
    read_refusal,
    read_statuses,
)
from tests.scep.reply import run_openssl

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def url(ocsp_url: str) -> str:
    return ocsp_url


def read_nonce(answer: bytes) -> bytes | None:
    nonce = ocsp.OCSPResponse.load(answer).nonce_value
    return nonce.native if nonce else None


@pytest.mark.parametrize("options", [(), ("-no_nonce",), ("-sha256",), ("-sha256", "-no_nonce")])
def test_openssl_hears_what_the_console_shows_when_it_posts(
    url: str, tmp_path: Path, options: tuple[str, ...]
) -> None:
    rows = [issue(), issue_revoked(), issue()]
    # A digest counts for the certificates that follow it; there is no other way to say so.
    found = ask_by_openssl(
        [get_certificate(row) for row in rows],
        source=("-url", url),
        chain=get_chain(),
        folder=tmp_path,
        options=options,
    )
    assert found == [GOOD, REVOKED, GOOD]


def escape_all(text: str) -> str:
    return "".join(f"%{ord(letter):02X}" for letter in text)


ESCAPINGS: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "escaped": lambda text: quote(text, safe=""),
    "every byte escaped": escape_all,
    "escaped twice": lambda text: quote(quote(text, safe=""), safe=""),
    "plus as space": lambda text: text.replace("+", "%20"),
    "without padding": lambda text: text.rstrip("="),
    "URL-safe": lambda text: text.translate(str.maketrans("+/", "-_")),
    "in lines": lambda text: quote("\n".join(text[i : i + 64] for i in range(0, len(text), 64))),
    "after a second slash": lambda text: "/" + text,
}


@pytest.mark.parametrize("escaping", ESCAPINGS)
def test_openssl_believes_the_answer_when_it_was_fetched(
    url: str, tmp_path: Path, escaping: str
) -> None:
    rows = [issue(), issue_revoked()]
    for row, expected in zip(rows, (GOOD, REVOKED), strict=True):
        text = base64.b64encode(ask_about(row)).decode()
        answer = plain_http.get(f"{url}/{ESCAPINGS[escaping](text)}")
        assert answer.status_code == 200
        path = tmp_path / "answer.der"
        path.write_bytes(answer.content)
        found = ask_by_openssl(
            [get_certificate(row)],
            source=("-respin", str(path)),
            chain=get_chain(),
            folder=tmp_path,
            options=("-no_nonce",),
        )
        assert found == [expected]


def test_slashes_and_plusses_survive_the_path(url: str) -> None:
    request = build_awkward_request(get_certificate(issue()), issuer=get_chain()[0])
    text = base64.b64encode(request).decode()
    for written in (text, quote(text, safe="")):
        assert read_statuses(plain_http.get(f"{url}/{written}").content) == [GOOD]


def test_certificates_are_unknown_when_they_were_never_handed_out(post: Any) -> None:
    """An intent to sign is no certificate; nor is what another CA signed under our name."""
    intended, issued = issue(), issue()
    asked = ask_about(intended, issued)
    stranger = make_self_signed(make_key())
    issuer = get_chain()[0]
    IssuedCertificate.objects.filter(pk=intended.pk).update(status=CertificateStatus.INTENDED)
    assert read_statuses(post(asked)) == [UNKNOWN, GOOD]
    mixed = build_request([(stranger, issuer), (stranger, stranger)])
    assert read_statuses(post(mixed)) == [UNKNOWN, UNKNOWN]


def test_answer_is_refused_when_no_certificate_is_of_this_ca(post: Any) -> None:
    stranger = make_self_signed(make_key())
    assert read_refusal(post(build_request([(stranger, stranger)]))) == "unauthorized"
    root = get_chain()[1]
    assert read_refusal(post(build_request([(get_chain()[0], root)]))) == "unauthorized"


def test_reason_and_moment_are_told_when_a_certificate_was_revoked(post: Any) -> None:
    row = issue_revoked("cessation_of_operation")
    (single,) = ocsp.OCSPResponse.load(post(ask_about(row))).response_data["responses"]
    info = single["cert_status"].chosen
    row.refresh_from_db()
    assert row.revoked_at is not None
    assert info["revocation_time"].native == row.revoked_at.replace(microsecond=0)
    assert info["revocation_reason"].native == "cessation_of_operation"
    unsaid = issue_revoked("unspecified")
    (single,) = ocsp.OCSPResponse.load(post(ask_about(unsaid))).response_data["responses"]
    assert single["cert_status"].chosen["revocation_reason"].native is None


def test_root_answers_for_the_cas_below_it(live_server: Any, tmp_path: Path) -> None:
    root = get_root_ca()
    found = ask_by_openssl(
        [get_chain()[0], get_chain()[1]],
        source=("-url", f"{live_server.url}/pki/ocsp/{root.public_id}"),
        chain=get_chain()[1:],
        folder=tmp_path,
    )
    assert found == [GOOD, GOOD]


def test_ocsp_certificate_is_delegated_and_checked_by_nobody(tmp_path: Path) -> None:
    """RFC 6960 section 4.2.2.2: EKU OCSPSigning, directly from the CA, ocsp-nocheck."""
    for authority in (get_issuing_ca(), get_root_ca()):
        row = ensure_ocsp_signer(authority, now=timezone.now())
        certificate, issuer = get_certificate(row), get_certificate(authority)
        certificate.verify_directly_issued_by(issuer)
        text = run_openssl(
            "x509", "-inform", "DER", "-noout", "-text", stdin=bytes(row.certificate)
        ).decode()
        assert "OCSP Signing" in text
        assert "OCSP No Check" in text
        assert "CA:FALSE" in text
        assert type(certificate.public_key()) is type(issuer.public_key())


def test_retired_ca_still_answers(post: Any) -> None:
    row, authority = issue(), get_issuing_ca()
    request = ask_about(row)
    CertificateAuthority.objects.filter(pk=authority.pk).update(state="retired")
    assert read_statuses(post(request)) == [GOOD]


def test_ocsp_certificate_is_replaced_long_before_it_ends() -> None:
    authority, now = get_issuing_ca(), timezone.now()
    first = ensure_ocsp_signer(authority, now=now)
    late = now + SIGNER_LIFETIME - SIGNER_RENEWED_BEFORE
    assert ensure_ocsp_signer(authority, now=late - timedelta(days=1)) == first
    second = ensure_ocsp_signer(authority, now=late + timedelta(days=1))
    assert second != first
    assert ensure_ocsp_signer(authority, now=late + timedelta(days=1)) == second
    first.refresh_from_db()
    assert not first.is_active


def test_ocsp_certificate_is_made_anew_when_the_clock_was_a_year_ahead() -> None:
    authority, now = get_issuing_ca(), timezone.now()
    ahead = ensure_ocsp_signer(authority, now=now + timedelta(days=365))
    signer = ensure_ocsp_signer(authority, now=now)
    assert signer != ahead
    assert get_certificate(signer).not_valid_before_utc <= now
    assert ensure_ocsp_signer(authority, now=now) == signer


def test_ocsp_certificate_ends_with_its_ca_and_is_not_made_again_each_time() -> None:
    authority = get_issuing_ca()
    near = authority.not_after - timedelta(days=3)
    first = ensure_ocsp_signer(authority, now=near)
    assert first.not_after == authority.not_after
    assert ensure_ocsp_signer(authority, now=near + timedelta(days=1)) == first


def test_revoked_ocsp_certificate_signs_no_more(post: Any) -> None:
    row = issue()
    post(ask_about(row))
    old = ensure_ocsp_signer(get_issuing_ca(), now=timezone.now())
    revoke_service_certificate(old, reason="key_compromise", now=timezone.now())
    answer = ocsp.OCSPResponse.load(post(ask_about(row)))
    (sent,) = answer.basic_ocsp_response["certs"]
    assert sent.serial_number != int(old.serial, 16)


@pytest.mark.parametrize("size", [1, 8, 16, 32, 64, 128])
def test_nonce_comes_back_when_it_has_a_lawful_size(post: Any, size: int) -> None:
    nonce = os.urandom(size)
    assert read_nonce(post(ask_about(issue(), nonce=nonce))) == nonce


def test_answer_may_be_kept_for_five_minutes_when_it_fits_everybody(url: str) -> None:
    row = issue()
    text = quote(base64.b64encode(ask_about(row)).decode(), safe="")
    answer = plain_http.get(f"{url}/{text}")
    assert answer.headers["cache-control"] == ("public, max-age=300, no-transform, must-revalidate")
    assert {"etag", "expires", "last-modified", "content-length"} <= set(answer.headers)
    assert not {"set-cookie", "content-security-policy", "vary"} & set(answer.headers)
    (single,) = ocsp.OCSPResponse.load(answer.content).response_data["responses"]
    length = single["next_update"].native - single["this_update"].native
    assert length == timedelta(hours=1)
    own = quote(base64.b64encode(ask_about(row, nonce=b"x" * 32)).decode(), safe="")
    assert plain_http.get(f"{url}/{own}").headers["cache-control"] == "no-store"
    posted = plain_http.post(url, content=ask_about(row), headers=POST)
    assert posted.headers["cache-control"] == "no-store"


def test_issuer_is_found_by_every_digest_that_is_accepted(post: Any) -> None:
    digests = (hashes.SHA1(), hashes.SHA256(), hashes.SHA384(), hashes.SHA512())  # noqa: S303
    for digest in digests:
        assert read_statuses(post(ask_about(issue(), digest=digest))) == [GOOD]


def test_content_type_does_not_matter_when_a_request_is_posted(url: str) -> None:
    answer = plain_http.post(
        url, content=ask_about(issue()), headers={"Content-Type": "text/plain"}
    )
    assert read_statuses(answer.content) == [GOOD]
