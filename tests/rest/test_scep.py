"""SCEP profiles and certificates by program."""

import hashlib
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from scep.models import CertificateStatus, ScepProfile
from scep.selectors import get_issuing_ca
from tests.rest.conftest import Program, Sample

pytestmark = pytest.mark.django_db

PROFILES = "scep/profiles"
STATIC = {"name": "Static", "challenge_type": "static", "static_challenge": "correct horse"}


def test_profile_says_where_its_server_is_when_created(operator: Program, settings: Any) -> None:
    row = operator.post(PROFILES, {"name": "Field", "key_size": 4096}).json()
    assert row["server_url"] == f"{settings.BASE_URL}/scep/{row['id']}"
    issuing = bytes(get_issuing_ca().certificate)
    assert row["ca_fingerprint"] == hashlib.sha256(issuing).hexdigest()
    assert (row["challenge_type"], row["key_size"]) == ("dynamic", 4096)
    assert row["allow_legacy"] is False


def test_static_challenge_is_never_shown_when_stored(operator: Program) -> None:
    created = operator.post(PROFILES, STATIC)
    assert created.status_code == 201, created.content
    path = f"{PROFILES}/{created.json()['id']}"
    for answer in (created, operator.get(path), operator.get(PROFILES)):
        assert b"correct horse" not in answer.content
    assert ScepProfile.objects.get(name="Static").static_challenge == b"correct horse"


def test_profile_keeps_the_rest_when_patched(operator: Program) -> None:
    created = operator.post(PROFILES, STATIC).json()
    row = operator.patch(f"{PROFILES}/{created['id']}", {"validity_days": 90}).json()
    assert row == {**created, "validity_days": 90, "updated_at": row["updated_at"]}
    assert ScepProfile.objects.get(name="Static").static_challenge == b"correct horse"


@pytest.mark.parametrize(
    "body",
    [
        {"name": "Default"},
        {"name": "x", "challenge_type": "none"},
        {"name": "x", "challenge_type": "static"},
        {"name": "x", "challenge_type": "static", "static_challenge": "short"},
        {"name": "x", "static_challenge": "correct horse"},
        {"name": "x", "key_size": 1024},
        {"name": "x", "validity_days": 0},
    ],
)
def test_profile_is_refused_when_it_cannot_work(body: Any, operator: Program) -> None:
    answer = operator.post(PROFILES, body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_profile_is_kept_when_certificates_refer_to_it(operator: Program, sample: Sample) -> None:
    answer = operator.delete(f"{PROFILES}/{sample.scep_profile.public_id}")
    assert (answer.status_code, answer.json()["code"]) == (409, "scep_profile_in_use")
    unused = operator.post(PROFILES, STATIC).json()
    assert operator.delete(f"{PROFILES}/{unused['id']}").status_code == 204


def test_certificate_is_shown_as_pem_when_retrieved(auditor: Program, sample: Sample) -> None:
    row = auditor.get(f"scep/certificates/{sample.certificate.public_id}").json()
    pem = x509.load_pem_x509_certificate(row["pem"].encode())
    assert pem.public_bytes(Encoding.DER) == bytes(sample.certificate.certificate or b"")
    assert row["session"] == sample.session.public_id


def test_certificate_is_revoked_for_good_when_asked(operator: Program, sample: Sample) -> None:
    path = f"scep/certificates/{sample.certificate.public_id}/revoke"
    row = operator.post(path, {"reason": "key_compromise"}).json()
    assert (row["status"], row["revocation_reason"]) == ("revoked", "key_compromise")
    again = operator.post(path, {"reason": "superseded"}).json()
    assert again["revocation_reason"] == "key_compromise"
    sample.certificate.refresh_from_db()
    assert sample.certificate.status == CertificateStatus.REVOKED


def test_reason_is_refused_when_unknown(operator: Program, sample: Sample) -> None:
    path = f"scep/certificates/{sample.certificate.public_id}/revoke"
    assert operator.post(path, {"reason": "dislike"}).status_code == 400
