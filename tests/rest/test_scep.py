"""SCEP profiles and certificates by program."""

import base64
import hashlib
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding
from cryptography.hazmat.primitives.serialization.pkcs12 import (
    load_pkcs12,
    serialize_key_and_certificates,
)
from django.utils import timezone

from organization.models import AuditEntry
from scep.models import (
    CertificateStatus,
    HeldRequest,
    IssuedCertificate,
    ScepProfile,
    ServiceCertificate,
)
from scep.selectors import get_certificate, get_issuing_ca
from scep.services.authorities import ensure_single_authority
from scep.services.external_identities import identify
from tests.rest.conftest import Program, Sample, add_held_request
from tests.scep.external.scep_server import Holder, ScepServer, make_authority, make_identity

pytestmark = pytest.mark.django_db

PROFILES = "scep/profiles"
URL = "https://ca.example.com/scep"
EXTERNAL = {
    "server_type": "external",
    "challenge_type": "static",
    "static_challenge": "long enough",
}
KNOWN = {"external_url": URL, "ca_fingerprint": "ab" * 32}
NDES = {"hook_type": "ndes", "hook_url": "https://ca.example.com/m", "hook_password": "secret"}
STATIC = {"name": "Static", "challenge_type": "static", "static_challenge": "correct horse"}


def test_profile_says_where_its_server_is_when_created(
    administrator: Program, settings: Any
) -> None:
    row = administrator.post(PROFILES, {"name": "Field", "key_size": 4096}).json()
    assert row["server_url"] == f"{settings.BASE_URL}/scep/{row['id']}"
    issuing = bytes(get_issuing_ca().certificate)
    assert row["ca_fingerprint"] == hashlib.sha256(issuing).hexdigest()
    assert (row["challenge_type"], row["key_size"]) == ("dynamic", 4096)
    assert row["allow_legacy"] is False


def test_static_challenge_is_never_shown_when_stored(administrator: Program) -> None:
    created = administrator.post(PROFILES, STATIC)
    assert created.status_code == 201, created.content
    path = f"{PROFILES}/{created.json()['id']}"
    for answer in (created, administrator.get(path), administrator.get(PROFILES)):
        assert b"correct horse" not in answer.content
    assert ScepProfile.objects.get(name="Static").static_challenge == b"correct horse"


def test_static_challenge_is_kept_with_its_spaces(administrator: Program) -> None:
    administrator.post(PROFILES, STATIC | {"static_challenge": " correct horse "})
    assert ScepProfile.objects.get(name="Static").static_challenge == b" correct horse "


def test_profile_keeps_the_rest_when_patched(administrator: Program) -> None:
    created = administrator.post(PROFILES, STATIC).json()
    row = administrator.patch(f"{PROFILES}/{created['id']}", {"validity_days": 90}).json()
    assert row == {**created, "validity_days": 90, "updated_at": row["updated_at"]}
    assert ScepProfile.objects.get(name="Static").static_challenge == b"correct horse"


@pytest.mark.parametrize(
    "body",
    [
        {"name": "Default"},
        {"challenge_type": "none"},
        {"static_challenge": None, "challenge_type": "static"},
        {"static_challenge": "short", "challenge_type": "static"},
        {"static_challenge": "correct horse"},
        {"key_size": 1024},
        {"validity_days": 0},
        {"renewal_days": 30, "validity_days": 30},
        {"hold_for_aproval": True},
        {"subject": ["CN={nothing}"]},
        {"subject": ["CN=a", "CN=b"]},
        {"subject": ["C=Switzerland"]},
        {"subject_alternative_names": ["ip=10.0.0.1"]},
        {"subject_alternative_names": [f"dns=a{n}" for n in range(9)]},
        {"external_url": "", **EXTERNAL},
        {"external_url": "https://ca.example.com/scep?x", **EXTERNAL},
        {"external_url": "http://ca.example.com/scep", **EXTERNAL},
        {"challenge_type": "token", "external_url": URL, "server_type": "external"},
        {"ca_fingerprint": "", "external_url": URL, **EXTERNAL},
        {"ca_fingerprint": "ab" * 20, "external_url": URL, **EXTERNAL},
        {"trusted_ca_pem": "", **KNOWN, **EXTERNAL},
        {"trusted_ca_pem": "no PEM", **KNOWN, **EXTERNAL},
        {"hook_type": "", **KNOWN, "server_type": "external"},
        {"hook_url": "", "hook_type": "json", **KNOWN, "server_type": "external"},
        {"hook_username": "", **NDES, **KNOWN, "server_type": "external"},
        {"hook_username": "a:b", **NDES, **KNOWN, "server_type": "external"},
    ],
)
def test_field_is_named_when_a_profile_cannot_work(body: Any, administrator: Program) -> None:
    """The first of each is the one to blame."""
    to_blame = next(iter(body))
    answer = administrator.post(PROFILES, {"name": "x", **body})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert list(answer.json()["errors"]) == [to_blame]


def test_renewal_days_are_named_when_they_fit_no_validity(administrator: Program) -> None:
    body = {"name": "x", "validity_days": 825, "renewal_days": 825}
    refused = administrator.post(PROFILES, body).json()
    assert "renewal_days" in refused["detail"]
    assert administrator.post(PROFILES, {**body, "renewal_days": 824}).status_code == 201


def test_profile_is_kept_when_certificates_refer_to_it(
    administrator: Program, sample: Sample
) -> None:
    answer = administrator.delete(f"{PROFILES}/{sample.scep_profile.public_id}")
    assert (answer.status_code, answer.json()["code"]) == (409, "scep_profile_in_use")
    unused = administrator.post(PROFILES, STATIC).json()
    assert administrator.delete(f"{PROFILES}/{unused['id']}").status_code == 204


def test_certificate_is_shown_as_pem_when_retrieved(auditor: Program, sample: Sample) -> None:
    row = auditor.get(f"scep/certificates/{sample.certificate.public_id}").json()
    pem = x509.load_pem_x509_certificate(row["pem"].encode())
    assert pem.public_bytes(Encoding.DER) == bytes(sample.certificate.certificate or b"")
    assert row["session"] == sample.session.public_id


def test_token_is_the_sessions_where_it_was_not_the_challenge(
    auditor: Program, sample: Sample
) -> None:
    certificate, session = sample.certificate, sample.session
    assert certificate.session_id == session.public_id
    IssuedCertificate.objects.filter(pk=certificate.pk).update(token_id="")
    held = HeldRequest.objects.create(
        scep_profile=sample.scep_profile, transaction_id="t", public_key_sha256="0" * 64,
        session_id=session.public_id,
    )  # fmt: skip
    other = HeldRequest.objects.create(
        scep_profile=sample.scep_profile, transaction_id="u", public_key_sha256="0" * 64
    )
    for path, row in (("certificates", certificate), ("requests", held)):
        shown = auditor.get(f"scep/{path}/{row.public_id}").json()
        assert shown["token"] == session.token.jti
        listed = auditor.list(f"scep/{path}", token=session.token.jti)
        assert [each["token"] for each in listed if each["id"] == row.public_id] == [
            session.token.jti
        ]
        assert auditor.list(f"scep/{path}", token="0" * 36) == []
    assert auditor.get(f"scep/requests/{other.public_id}").json()["token"] == ""


def test_certificate_is_revoked_for_good_when_asked(operator: Program, sample: Sample) -> None:
    path = f"scep/certificates/{sample.certificate.public_id}/revoke"
    row = operator.post(path, {"reason": "key_compromise"}).json()
    assert (row["status"], row["revocation_reason"]) == ("revoked", "key_compromise")
    again = operator.post(path, {"reason": "superseded"}).json()
    assert again["revocation_reason"] == "key_compromise"
    sample.certificate.refresh_from_db()
    assert sample.certificate.status == CertificateStatus.REVOKED


def test_every_field_is_kept_when_given(administrator: Program) -> None:
    body = {
        "name": "All",
        "challenge_type": "token",
        "key_usage": 1,
        "subject": ["CN={serial}", "OU={group}"],
        "subject_alternative_names": ["email={owner}"],
        "renewal_days": 40,
        "validity_days": 200,
        "hold_for_approval": True,
        "single_certificate": True,
        "allow_legacy": True,
    }
    row = administrator.post(PROFILES, body).json()
    assert {name: row[name] for name in body} == body
    assert row["check"] == {"at": None, "code": "", "message": ""}


def test_external_profile_points_elsewhere_when_made(
    values: dict[str, Any],
    administrator: Program,
) -> None:
    created = administrator.post(PROFILES, values)
    assert created.status_code == 201, created.content
    row = created.json()
    assert row["server_url"] == values["external_url"]
    assert row["ca_fingerprint"] == values["ca_fingerprint"]
    assert len(row["trusted_cas"]) == 1
    assert values["static_challenge"].encode() not in created.content
    path = f"{PROFILES}/{row['id']}"
    checked = administrator.post(f"{path}/check").json()["check"]
    assert checked["code"] == ""
    assert checked["at"]
    tested = administrator.post(f"{path}/test").json()
    assert tested["ok"], tested
    assert [step["name"] for step in tested["steps"]][:2] == ["GetCACaps", "GetCACert"]
    assert administrator.patch(path, {"name": "New"}).json()["trusted_cas"] == row["trusted_cas"]


def test_external_ca_is_shown_when_fetched(
    values: dict[str, Any],
    stranger: ScepServer,
    administrator: Program,
) -> None:
    body = {"external_url": values["external_url"], "ca_name": "corp"}
    answer = administrator.post(f"{PROFILES}/fetch-ca", body)
    assert answer.status_code == 200, answer.content
    assert answer.json()["fingerprint"] == stranger.authority.fingerprint
    assert "BEGIN CERTIFICATE" in answer.json()["certificates"]


def test_lost_trust_is_warned_of_when_devices_have_identities_of_the_ca(
    external: ScepProfile, authority: Holder, administrator: Program
) -> None:
    identify(make_identity(authority).certificate, now=timezone.now())
    path = f"{PROFILES}/{external.public_id}"
    assert administrator.get(path).json()["warnings"] == []
    other = {"trusted_ca_pem": make_authority("Another CA").pem}
    [warning] = administrator.patch(path, other).json()["warnings"]
    assert "External CA" in warning


def test_address_inside_is_refused_when_fetched(administrator: Program) -> None:
    body = {"external_url": "https://127.0.0.1/scep"}
    answer = administrator.post(f"{PROFILES}/fetch-ca", body)
    assert (answer.status_code, answer.json()["code"]) == (400, "address_refused")


def test_builtin_profile_is_refused_when_checked(administrator: Program, sample: Sample) -> None:
    answer = administrator.post(f"{PROFILES}/{sample.scep_profile.public_id}/check")
    assert answer.status_code == 400


def test_held_request_is_decided_once_when_asked(administrator: Program, sample: Sample) -> None:
    path = f"scep/requests/{sample.held_request.public_id}"
    row = administrator.post(f"{path}/approve").json()
    assert (row["state"], row["decided_by"]) == ("approved", "key:administrator program")
    again = administrator.post(f"{path}/reject")
    assert (again.status_code, again.json()["code"]) == (409, "request_decided")


def test_many_held_requests_are_decided_in_one_step(administrator: Program, sample: Sample) -> None:
    rows = [sample.held_request, *(add_held_request(sample.scep_profile) for _ in range(2))]
    administrator.post(f"scep/requests/{rows[0].public_id}/approve")
    body = {"decision": "reject", "requests": [row.public_id for row in rows] + ["req_unknown"]}
    answer = administrator.post("scep/requests/decide", body).json()
    assert answer["done"] == 2
    assert [each["request"] for each in answer["refused"]] == [rows[0].public_id]
    assert "already" in answer["refused"][0]["reason"]
    assert AuditEntry.objects.filter(action="scep_request.reject").count() == 2
    unknown, none = {"decision": "hold", "requests": ["x"]}, {"decision": "reject", "requests": []}
    for bad in ({}, unknown, none):
        assert administrator.post("scep/requests/decide", bad).status_code == 400


def test_next_authority_takes_over_when_activated(administrator: Program, sample: Sample) -> None:
    refused = administrator.post("scep/authorities", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "authority_conflict")
    path = f"scep/authorities/{sample.authority.public_id}"
    assert administrator.post(f"{path}/activate").json()["state"] == "active"
    assert get_issuing_ca() == sample.authority
    prepared = administrator.post("scep/authorities", {"key_type": "rsa_2048"})
    assert prepared.status_code == 201, prepared.content
    path = f"scep/authorities/{prepared.json()['id']}"
    assert administrator.delete(path).status_code == 204
    assert administrator.get(path).status_code == 404


def test_authority_gives_way_and_is_revoked_when_asked(administrator: Program) -> None:
    authority = ensure_single_authority(now=timezone.now())
    path = f"scep/authorities/{authority.public_id}"
    refused = administrator.post(f"{path}/revoke", {"reason": "key_compromise"})
    assert (refused.status_code, refused.json()["code"]) == (409, "authority_conflict")
    following = administrator.post(f"{path}/rotate").json()
    assert (following["role"], following["state"]) == ("single", "active")
    assert administrator.post(f"{path}/rotate").status_code == 409
    row = administrator.post(f"{path}/revoke", {"reason": "key_compromise"}).json()
    assert (row["state"], row["revocation_reason"]) == ("retired", "key_compromise")
    assert row["revoked_at"] is not None
    assert administrator.get(path).json() == row


def test_authority_is_imported_when_it_is_pkcs12(administrator: Program) -> None:
    holder = make_authority()
    package = serialize_key_and_certificates(
        b"ca", holder.key, holder.certificate, None, BestAvailableEncryption(b" a password ")
    )
    body = {"pkcs12": base64.b64encode(package).decode(), "password": " a password "}
    answer = administrator.post("scep/authorities/import", body)
    assert answer.status_code == 201, answer.content
    assert answer.json()["fingerprint"] == holder.fingerprint
    assert answer.json()["state"] == "next"


@pytest.mark.parametrize(
    "body", [{}, {"pkcs12": "no base64!"}, {"pem": "x"}, {"pem": "x", "pkcs12": "AA=="}]
)
def test_import_is_refused_when_it_is_no_ca(body: Any, administrator: Program) -> None:
    assert administrator.post("scep/authorities/import", body).status_code == 400


def test_authority_leaves_only_encrypted_when_exported(
    administrator: Program, sample: Sample
) -> None:
    path = f"scep/authorities/{sample.authority.public_id}/export"
    assert administrator.post(path, {"password": "short"}).status_code == 400
    answer = administrator.post(path, {"password": "long enough for this"})
    assert answer["Content-Type"] == "application/x-pkcs12"
    opened = load_pkcs12(answer.content, b"long enough for this")
    assert opened.cert is not None
    assert opened.cert.certificate == get_certificate(sample.authority)
    assert AuditEntry.objects.get(action="authority.export").actor == "key:administrator program"


def test_service_certificate_is_replaced_when_rotated(
    administrator: Program, sample: Sample
) -> None:
    answer = administrator.post("scep/service-certificates", {"purpose": "profile_signing"})
    assert answer.status_code == 201, answer.content
    rows = administrator.list("scep/service-certificates", purpose="profile_signing")
    assert [row["is_active"] for row in rows] == [True, False]
    refused = administrator.post("scep/service-certificates", {"purpose": "tls_server"})
    assert refused.status_code == 400


def test_certificate_of_the_server_is_revoked_when_it_is_needed_no_more(
    administrator: Program, sample: Sample
) -> None:
    ra = ServiceCertificate.objects.get(purpose="scep_ra", issuer=get_issuing_ca())
    path = f"scep/service-certificates/{ra.public_id}/revoke"
    refused = administrator.post(path, {"reason": "key_compromise"})
    assert (refused.status_code, refused.json()["code"]) == (409, "authority_conflict")
    assert administrator.post("scep/service-certificates", {"purpose": "scep_ra"})
    answer = administrator.post(path, {"reason": "key_compromise"})
    assert answer.status_code == 200
    ra.refresh_from_db()
    assert (ra.is_active, ra.revocation_reason) == (False, "key_compromise")
    assert ra.revoked_at is not None


def test_reason_is_refused_when_unknown(operator: Program, sample: Sample) -> None:
    path = f"scep/certificates/{sample.certificate.public_id}/revoke"
    assert operator.post(path, {"reason": "dislike"}).status_code == 400
