"""The CA: identities without SCEP, revocation, and whom we still believe."""

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12
from django.db import connection
from django.utils import timezone

from organization.models import AuditEntry
from scep.errors import IdentityNotTrusted, IdentityRevoked
from scep.models import (
    CertificateAuthority,
    CertificateStatus,
    IssuedCertificate,
    ScepProfile,
    ServiceCertificate,
)
from scep.selectors import get_ca_certificate_fingerprint, verify_identity
from scep.services.bootstrap import ensure_authorities, ensure_default_profile
from scep.services.challenges import create_dynamic_challenge
from scep.services.issuance import issue_identity, revoke_certificate
from scep.services.profile_signing import sign_profile
from scep.services.sweep import revoke_orphans
from scep.signals import certificate_issued, certificate_revoked
from tests.scep.certifying import meanwhile
from tests.scep.device import Device, make_key, make_self_signed
from tests.scep.reply import run_openssl, write_pem

pytestmark = pytest.mark.django_db
SESSION = "ses_" + "e" * 20


def issue(session_id: str = SESSION) -> tuple[bytes, str, IssuedCertificate]:
    return issue_identity(
        session_id=session_id, token_id="jti-2", common_name=session_id, now=timezone.now()
    )


def load(row: IssuedCertificate) -> x509.Certificate:
    return x509.load_der_x509_certificate(bytes(row.certificate or b""))


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_nothing_renews_an_identity_that_was_revoked(
    monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """A device that was sent away must not come back by what it was just about to get."""
    _, _, row = issue()

    def revoke() -> None:
        revoke_certificate(row, reason="privilege_withdrawn", now=timezone.now())

    if when == "before":
        revoke()
    else:
        meanwhile(revoke, monkeypatch=monkeypatch)
    with pytest.raises(IdentityRevoked):
        issue_identity(
            session_id=SESSION, token_id="jti-2", common_name="x", now=timezone.now(), renews=row
        )
    assert not IssuedCertificate.objects.exclude(status=CertificateStatus.REVOKED).exists()


def test_serial_number_stays_revoked_when_its_certificate_comes_too_late(
    dynamic_profile: ScepProfile, ra: x509.Certificate, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that stood still for ten minutes finds its intent revoked (S12)."""

    def sweep() -> None:
        assert revoke_orphans(now=timezone.now() + timedelta(minutes=11)) == 1

    challenge = create_dynamic_challenge(dynamic_profile, session_id="", now=timezone.now())
    message = Device().build_request(ra=ra, challenge=challenge)
    with monkeypatch.context() as patch:
        meanwhile(sweep, monkeypatch=patch)
        assert ask(dynamic_profile, message).status == "2"
    orphan = IssuedCertificate.objects.get()
    assert (orphan.status, orphan.fingerprint) == (CertificateStatus.REVOKED, None)
    assert ask(dynamic_profile, message).status == "0"
    assert IssuedCertificate.objects.filter(status=CertificateStatus.ISSUED).count() == 1


def test_openssl_opens_the_identity_when_it_has_the_password(tmp_path: Path) -> None:
    package, password, row = issue()
    path = tmp_path / "identity.p12"
    path.write_bytes(package)
    arguments = ("pkcs12", "-in", str(path), "-passin", f"pass:{password}", "-nodes")
    pem = run_openssl(*arguments, "-legacy")
    key, certificate, others = pkcs12.load_key_and_certificates(package, password.encode())
    assert certificate == load(row)
    assert certificate in x509.load_pem_x509_certificates(pem)
    assert others == []
    assert key is not None
    assert key.public_key() == certificate.public_key()
    assert len(password) >= 24
    info = run_openssl(*arguments, "-legacy", "-info", "-noout").decode()
    assert "AES" not in info  # older systems open nothing newer than triple-DES


def test_earlier_identity_is_revoked_when_a_session_gets_a_new_one() -> None:
    _, _, other = issue("ses_" + "f" * 20)
    _, _, first = issue()
    _, _, second = issue()
    first.refresh_from_db()
    other.refresh_from_db()
    assert (first.status, first.revocation_reason) == (CertificateStatus.REVOKED, "superseded")
    assert verify_identity(load(second), now=timezone.now()) == second
    assert verify_identity(load(other), now=timezone.now()) == other
    with pytest.raises(IdentityRevoked):
        verify_identity(load(first), now=timezone.now())


def test_news_is_told_once_when_a_certificate_is_issued_and_revoked() -> None:
    heard: list[tuple[str, str]] = []

    def on_issued(sender: object, certificate: IssuedCertificate, **news: Any) -> None:
        heard.append(("issued", certificate.session_id))

    def on_revoked(sender: object, certificate: IssuedCertificate, **news: Any) -> None:
        heard.append(("revoked", certificate.revocation_reason))

    certificate_issued.connect(on_issued)
    certificate_revoked.connect(on_revoked)
    _, _, row = issue()
    for _ in range(2):
        revoke_certificate(row, reason="key_compromise", now=timezone.now(), actor="a@example.com")
    assert heard == [("issued", SESSION), ("revoked", "key_compromise")]
    entry = AuditEntry.objects.get(action="certificate.revoke")
    assert (entry.actor, entry.subject_id) == ("a@example.com", row.public_id)


def test_identity_is_believed_ten_minutes_beside_its_validity_and_no_longer() -> None:
    certificate = load(issue()[2])
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    skew, moment = timedelta(minutes=10), timedelta(seconds=1)
    verify_identity(certificate, now=begin - skew)
    verify_identity(certificate, now=end + skew)
    for now in (begin - skew - moment, end + skew + moment):
        with pytest.raises(IdentityNotTrusted):
            verify_identity(certificate, now=now)


def test_identity_is_not_believed_when_it_is_not_ours() -> None:
    stranger = make_self_signed(make_key(), name=SESSION)
    with pytest.raises(IdentityNotTrusted, match="not issued here"):
        verify_identity(stranger, now=timezone.now())


def test_identity_is_not_believed_when_our_ca_did_not_sign_it() -> None:
    """Even a row in the table does not make a certificate ours."""
    _, _, row = issue()
    stranger = make_self_signed(make_key())
    der = stranger.public_bytes(Encoding.DER)
    row.certificate, row.fingerprint = der, hashlib.sha256(der).hexdigest()
    row.save()
    with pytest.raises(IdentityNotTrusted, match="signature"):
        verify_identity(stranger, now=timezone.now())


def test_openssl_trusts_a_signed_profile_when_it_trusts_the_root(
    chain: list[x509.Certificate], tmp_path: Path
) -> None:
    content = b"<?xml version='1.0'?><plist><dict/></plist>\n"
    signed = sign_profile(content)
    root = write_pem(tmp_path, "root.pem", chain[2])
    arguments = ("cms", "-verify", "-binary", "-inform", "DER", "-CAfile", root)
    assert run_openssl(*arguments, stdin=signed) == content
    other = write_pem(tmp_path, "other.pem", make_self_signed(make_key()))
    with pytest.raises(AssertionError, match="certificate verify error"):
        run_openssl(*arguments[:-1], other, stdin=signed)


def test_cas_are_strict_enough_for_openssl(chain: list[x509.Certificate], tmp_path: Path) -> None:
    ra, issuing, root = (write_pem(tmp_path, f"{n}.pem", c) for n, c in enumerate(chain))
    run_openssl("verify", "-x509_strict", "-CAfile", root, issuing)
    run_openssl("verify", "-x509_strict", "-CAfile", root, "-untrusted", issuing, ra)


def test_nothing_new_is_made_when_bootstrap_runs_again() -> None:
    def count() -> list[int]:
        models = (CertificateAuthority, ServiceCertificate, ScepProfile)
        return [model._default_manager.count() for model in models]

    before = count()
    issuing = ensure_authorities("Another name", now=timezone.now())
    profile = ensure_default_profile()
    assert count() == before
    assert (profile.name, profile.challenge_type) == ("Default", "dynamic")
    assert get_ca_certificate_fingerprint(profile) == hashlib.sha256(issuing.certificate).digest()


def test_common_name_keeps_its_role_when_the_organization_is_very_long() -> None:
    ServiceCertificate.objects.all().delete()
    CertificateAuthority.objects.filter(parent__isnull=False).update(state="retired")
    CertificateAuthority.objects.update(state="retired")
    issuing = ensure_authorities("Ünïversal " * 20, now=timezone.now())
    certificate = x509.load_der_x509_certificate(bytes(issuing.certificate))
    (name,) = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    assert "Issuing CA" in str(name.value)
    assert len(name.value) <= 64


def test_database_holds_no_private_key_in_the_clear() -> None:
    with connection.cursor() as cursor:
        for table in ("scep_certificateauthority", "scep_servicecertificate"):
            cursor.execute(f"SELECT private_key FROM {table}")  # noqa: S608
            for (sealed,) in cursor.fetchall():
                assert b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01" not in bytes(sealed)  # rsaEncryption
