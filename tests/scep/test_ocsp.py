"""The OCSP responder over HTTP, as openssl asks and believes it; and what nonsense gets."""

import base64
import os
import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from asn1crypto import core, ocsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from scep.models import CertificateAuthority, CertificateStatus, IssuedCertificate
from scep.selectors import get_certificate, get_issuing_ca, get_root_ca
from scep.services.authority import issue_identity, revoke_certificate
from scep.services.ocsp import SIGNER_LIFETIME, SIGNER_RENEWED_BEFORE, ensure_ocsp_signer
from scep.services.revocation import revoke_service_certificate
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
POST = {"Content-Type": "application/ocsp-request"}
SHA1 = "1.3.14.3.2.26"


@pytest.fixture
def url(live_server: Any) -> str:
    return f"{live_server.url}/pki/ocsp/{get_issuing_ca().public_id}"


@pytest.fixture
def post(url: str) -> Callable[[bytes], bytes]:
    """POST a request; the answer is OCSP whatever was asked."""

    def send(data: bytes) -> bytes:
        answer = httpx.post(url, content=data, headers=POST, timeout=30)
        assert (answer.status_code, answer.headers["content-type"]) == (
            200,
            "application/ocsp-response",
        )
        return answer.content

    return send


def issue() -> IssuedCertificate:
    return issue_identity(session_id="", token_id="j", common_name="device", now=timezone.now())[2]


def issue_revoked(reason: str = "key_compromise") -> IssuedCertificate:
    row = issue()
    revoke_certificate(row, reason=reason, now=timezone.now())
    return row


def get_chain() -> list[x509.Certificate]:
    return [get_certificate(get_issuing_ca()), get_certificate(get_root_ca())]


def ask_about(*rows: IssuedCertificate, **options: Any) -> bytes:
    issuer = get_chain()[0]
    return build_request([(get_certificate(row), issuer) for row in rows], **options)


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
        answer = httpx.get(f"{url}/{ESCAPINGS[escaping](text)}")
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
        assert read_statuses(httpx.get(f"{url}/{written}").content) == [GOOD]


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


@pytest.mark.parametrize("size", [0, 129, 1000, 40000])
def test_request_is_malformed_when_the_nonce_has_an_odd_size(post: Any, size: int) -> None:
    assert read_refusal(post(ask_about(issue(), nonce=os.urandom(size)))) == "malformed_request"


def test_answer_may_be_kept_for_five_minutes_when_it_fits_everybody(url: str) -> None:
    row = issue()
    text = quote(base64.b64encode(ask_about(row)).decode(), safe="")
    answer = httpx.get(f"{url}/{text}")
    assert answer.headers["cache-control"] == ("public, max-age=300, no-transform, must-revalidate")
    assert {"etag", "expires", "last-modified", "content-length"} <= set(answer.headers)
    assert not {"set-cookie", "content-security-policy", "vary"} & set(answer.headers)
    (single,) = ocsp.OCSPResponse.load(answer.content).response_data["responses"]
    length = single["next_update"].native - single["this_update"].native
    assert length == timedelta(hours=1)
    own = quote(base64.b64encode(ask_about(row, nonce=b"x" * 32)).decode(), safe="")
    assert httpx.get(f"{url}/{own}").headers["cache-control"] == "no-store"
    posted = httpx.post(url, content=ask_about(row), headers=POST)
    assert posted.headers["cache-control"] == "no-store"


def build_message(**parts: Any) -> bytes:
    der: bytes = ocsp.OCSPRequest({"tbs_request": parts}).dump()
    return der


def build_ids(count: int) -> list[dict[str, Any]]:
    return [
        {
            "req_cert": {
                "hash_algorithm": {"algorithm": "sha1"},
                "issuer_name_hash": b"n" * 20,
                "issuer_key_hash": b"k" * 20,
                "serial_number": number + 1,
            }
        }
        for number in range(count)
    ]


def build_extension(oid: str, value: bytes, *, critical: bool) -> dict[str, Any]:
    return {"extn_id": oid, "critical": critical, "extn_value": core.ParsableOctetString(value)}


NULL = b"\x05\x00"
MALFORMED = {
    "nothing": b"",
    "garbage": b"\xff" * 300,
    "text": b"GET / HTTP/1.1",
    "no certificate": build_message(request_list=[]),
    "too many": build_message(request_list=build_ids(101)),
    "as many as fit": build_message(request_list=build_ids(900)),
    "trailing bytes": build_message(request_list=build_ids(1)) + b"\x00",
    "cut": build_message(request_list=build_ids(1))[:-5],
    "critical extension": build_message(
        request_list=build_ids(1),
        request_extensions=[build_extension("1.2.3.4", NULL, critical=True)],
    ),
    "critical extension of one": build_message(
        request_list=[
            build_ids(1)[0]
            | {"single_request_extensions": [build_extension("1.2.3.4", NULL, critical=True)]}
        ]
    ),
    "two nonces": build_message(
        request_list=build_ids(1),
        request_extensions=[
            build_extension("1.3.6.1.5.5.7.48.1.2", b"\x04\x02ab", critical=False) for _ in "ab"
        ],
    ),
    "nonce of another type": build_message(
        request_list=build_ids(1),
        request_extensions=[build_extension("1.3.6.1.5.5.7.48.1.2", b"\x04\x02ab", critical=False)],
    ).replace(b"\x04\x02ab", b"\x0c\x02ab"),
    "other answers wanted": build_message(
        request_list=build_ids(1),
        request_extensions=[
            build_extension("1.3.6.1.5.5.7.48.1.4", b"\x30\x04\x06\x02\x2a\x03", critical=False)
        ],
    ),
    "deep": b"\x30\x80" * 20000,
    "long length": b"\x30\x8f" + b"\xff" * 200,
}


@pytest.mark.parametrize("name", MALFORMED)
def test_request_is_malformed_when_it_breaks_a_rule(post: Any, name: str) -> None:
    answer = post(MALFORMED[name])
    assert read_refusal(answer) == "malformed_request"


def test_nothing_is_looked_up_when_a_request_asks_for_too_much(post: Any) -> None:
    with CaptureQueriesContext(connection) as queries:
        post(MALFORMED["too many"])
    assert not any("issuedcertificate" in query["sql"] for query in queries)


def test_uncritical_extension_is_passed_over(post: Any) -> None:
    row = issue()
    request = ocsp.OCSPRequest.load(ask_about(row))["tbs_request"]
    extension = build_extension("1.2.3.4", NULL, critical=False)
    single = {"req_cert": request["request_list"][0]["req_cert"]}
    asked = build_message(
        request_list=[single | {"single_request_extensions": [extension]}],
        request_extensions=[extension],
    )
    assert read_statuses(post(asked)) == [GOOD]


@pytest.mark.parametrize("serial", [0, -5, 2**159, 2**161, 2**4000])
def test_certificate_is_unknown_when_its_number_is_strange(post: Any, serial: int) -> None:
    request = ocsp.OCSPRequest.load(ask_about(issue()))["tbs_request"]
    one = request["request_list"][0]["req_cert"].native
    one["hash_algorithm"] = {"algorithm": "sha1"}
    asked = build_message(request_list=[{"req_cert": one | {"serial_number": serial}}])
    assert read_statuses(post(asked)) == [UNKNOWN]


def test_issuer_is_found_by_every_digest_that_is_accepted(post: Any) -> None:
    digests = (hashes.SHA1(), hashes.SHA256(), hashes.SHA384(), hashes.SHA512())  # noqa: S303
    for digest in digests:
        assert read_statuses(post(ask_about(issue(), digest=digest))) == [GOOD]


def test_issuer_is_not_found_by_md5(post: Any) -> None:
    identity = build_ids(1)[0]["req_cert"] | {"hash_algorithm": {"algorithm": "md5"}}
    assert read_refusal(post(build_message(request_list=[{"req_cert": identity}]))) == (
        "unauthorized"
    )


def test_hundred_certificates_are_answered_at_once(post: Any) -> None:
    known = issue_revoked()
    one = ocsp.OCSPRequest.load(ask_about(known))["tbs_request"]["request_list"][0]
    same = one["req_cert"].native | {"hash_algorithm": {"algorithm": "sha1"}}
    asked = [{"req_cert": same | {"serial_number": number}} for number in range(1, 100)]
    found = read_statuses(post(build_message(request_list=[*asked, {"req_cert": same}])))
    assert found == [UNKNOWN] * 99 + [REVOKED]


def test_request_is_refused_when_it_is_too_large(url: str) -> None:
    for size in (65537, 1_000_000):
        assert httpx.post(url, content=b"0" * size, headers=POST).status_code == 413


def test_fetched_request_is_malformed_when_it_is_too_long(client: Client) -> None:
    # Not over HTTP: the tests' own file server stumbles over such a name first.
    answer = client.get(f"/pki/ocsp/{get_issuing_ca().public_id}/{'M' * 9000}")
    assert read_refusal(answer.content) == "malformed_request"


@pytest.mark.parametrize("path", ["", "/", "//", "/!!!", "/%00", "/M", "/%ff%fe", "/?a=b"])
def test_fetched_request_is_malformed_when_it_is_no_base64(url: str, path: str) -> None:
    answer = httpx.get(url + path)
    assert (answer.status_code, read_refusal(answer.content)) == (200, "malformed_request")


def test_content_type_does_not_matter_when_a_request_is_posted(url: str) -> None:
    answer = httpx.post(url, content=ask_about(issue()), headers={"Content-Type": "text/plain"})
    assert read_statuses(answer.content) == [GOOD]


def test_nothing_breaks_when_requests_are_mutated(post: Any) -> None:
    chance = random.Random(20240604)
    request = ask_about(issue(), nonce=b"n" * 32)
    for _ in range(300):
        data = bytearray(request)
        for _ in range(chance.randrange(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        if chance.random() < 0.3:
            del data[chance.randrange(len(data)) :]
        ocsp.OCSPResponse.load(post(bytes(data)), strict=True)
