"""The CA at work: identity certificates are issued and revoked here and nowhere else.

The serial number and the intent to sign are stored, and committed, before the CA signs. So no
signature exists that the database does not know; an intent that never became a certificate is
revoked by the sweep.
"""

import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from django.db import IntegrityError, transaction

from organization.selectors import get_organization
from organization.services import audit
from scep.errors import DuplicateTransaction
from scep.models import (
    CertificateAuthority,
    CertificateStatus,
    IssuedCertificate,
    ScepProfile,
)
from scep.protocol.certificates import (
    encode_certificate,
    encode_public_key,
    fingerprint,
    generate_private_key,
)
from scep.protocol.grant import ChallengeGrant
from scep.protocol.issuing import (
    SERIAL_BITS,
    Subject,
    Validity,
    build_identity_certificate,
    build_validity,
)
from scep.protocol.pkcs12 import build_pkcs12
from scep.protocol.revocation_reasons import check_reason
from scep.selectors import get_issuing_ca, get_signer
from scep.services.revocation import mark_stale
from scep.signals import certificate_issued, certificate_revoked

IDENTITY_KEY_BITS = 2048
IDENTITY_LIFETIME = timedelta(days=365)
PASSWORD_BYTES = 24
SUPERSEDED = "superseded"


@dataclass(frozen=True)
class Application:
    """What is to be certified: a key, for whom, and under which SCEP transaction."""

    public_key: rsa.RSAPublicKey
    common_name: str
    grant: ChallengeGrant
    scep_profile: ScepProfile | None = None
    transaction_id: str | None = None


def issue_certificate(
    application: Application,
    *,
    issuer: CertificateAuthority,
    lifetime: timedelta,
    now: datetime,
    spend: Callable[[], object],
) -> IssuedCertificate:
    """Sign an identity certificate and store it; `spend` runs in the storing transaction.

    Whatever `spend` raises undoes the storing, and the certificate is never handed out.
    Raises DuplicateTransaction where the transactionID has brought a certificate meanwhile.
    """
    signer = get_signer(issuer)
    subject = Subject(application.common_name, get_organization().name)
    validity = build_validity(now, lifetime=lifetime)
    validity = Validity(
        validity.not_before, min(validity.not_after, signer.certificate.not_valid_after_utc)
    )
    serial = secrets.randbits(SERIAL_BITS) | 1
    row = _store_intent(
        application, issuer=issuer, serial=serial, subject=subject, validity=validity
    )
    certificate = build_identity_certificate(
        application.public_key, issuer=signer, subject=subject, serial=serial, validity=validity
    )
    _store_certificate(row, certificate, transaction_id=application.transaction_id, spend=spend)
    return row


def issue_identity(
    *, session_id: str, token_id: str, common_name: str, now: datetime
) -> tuple[bytes, str, IssuedCertificate]:
    """Return (PKCS#12 DER, its random password, the row) for a session without SCEP.

    A new identity for the same session revokes the earlier ones. The key is not stored.
    """
    key = generate_private_key(bits=IDENTITY_KEY_BITS)
    application = Application(
        key.public_key(), common_name or str(uuid.uuid4()), ChallengeGrant(session_id, token_id)
    )
    earlier = list(
        IssuedCertificate.objects.filter(
            session_id=session_id, scep_profile=None, status=CertificateStatus.ISSUED
        ).exclude(session_id="")
    )
    row = issue_certificate(
        application,
        issuer=get_issuing_ca(),
        lifetime=IDENTITY_LIFETIME,
        now=now,
        spend=partial(_revoke_all, earlier, reason=SUPERSEDED, now=now),
    )
    certificate = x509.load_der_x509_certificate(bytes(row.certificate or b""))
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    package = build_pkcs12(
        key, certificate=certificate, name=application.common_name, password=password
    )
    return package, password, row


def revoke_certificate(
    certificate: IssuedCertificate, *, reason: str, now: datetime, actor: str = ""
) -> None:
    """Revoke for good; a certificate that is revoked already stays as it is.

    `reason`: one of revocation_reasons.REASONS. Audited where an `actor` asked for it.
    Raises RevocationReasonInvalid.
    """
    check_reason(reason)
    with transaction.atomic():
        mark_stale(certificate.issuer_id)
        changed = (
            IssuedCertificate.objects.filter(pk=certificate.pk)
            .exclude(status=CertificateStatus.REVOKED)
            .update(
                status=CertificateStatus.REVOKED,
                revoked_at=now,
                revocation_reason=reason,
                updated_at=now,
            )
        )
        certificate.refresh_from_db()
        if not changed:
            return
        if actor:
            audit.record(
                actor,
                action="certificate.revoke",
                subject_id=certificate.public_id,
                subject=certificate.subject,
                detail={"reason": reason},
            )
        certificate_revoked.send(sender=IssuedCertificate, certificate=certificate)


def _revoke_all(rows: list[IssuedCertificate], *, reason: str, now: datetime) -> None:
    for row in rows:
        revoke_certificate(row, reason=reason, now=now)


def _store_intent(
    application: Application,
    *,
    issuer: CertificateAuthority,
    serial: int,
    subject: Subject,
    validity: Validity,
) -> IssuedCertificate:
    return IssuedCertificate.objects.create(
        issuer=issuer,
        scep_profile=application.scep_profile,
        serial=f"{serial:x}",
        subject=subject.to_name().rfc4514_string()[:255],
        public_key_sha256=fingerprint(encode_public_key(application.public_key)),
        session_id=application.grant.session_id,
        token_id=application.grant.token_id,
        not_before=validity.not_before,
        not_after=validity.not_after,
    )


def _store_certificate(
    row: IssuedCertificate,
    certificate: x509.Certificate,
    *,
    transaction_id: str | None,
    spend: Callable[[], object],
) -> None:
    der = encode_certificate(certificate)
    row.certificate, row.fingerprint = der, fingerprint(der)
    row.status, row.transaction_id = CertificateStatus.ISSUED, transaction_id
    fields = ["certificate", "fingerprint", "status", "transaction_id", "updated_at"]
    with transaction.atomic():
        try:
            # A savepoint, so that only this statement can be taken for a duplicate.
            with transaction.atomic():
                row.save(update_fields=fields)
        except IntegrityError as error:
            raise DuplicateTransaction("the transactionID is in use") from error
        spend()
        certificate_issued.send(sender=IssuedCertificate, certificate=row)
