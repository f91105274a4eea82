"""Identity certificates are issued and revoked here and nowhere else.

The serial number and the intent to sign are stored, and committed, before the CA signs. So no
signature exists that the database does not know. An intent that becomes no certificate is revoked:
at once where its request is refused, by the sweep where the server was killed.
"""

import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from django.db import IntegrityError, transaction
from django.utils import timezone

from organization.models import Given, PreparedInsert, PreparedUpdate, lock_until_commit
from organization.protocol.caller import NOBODY, Caller
from organization.services import audit
from scep.errors import (
    AuthorityExpired,
    DuplicateTransaction,
    FailInfo,
    IdentityRevoked,
    RequestRejected,
    ScepError,
)
from scep.models import (
    CertificateAuthority,
    CertificatePurpose,
    CertificateStatus,
    IssuedCertificate,
    KeyUsage,
    ScepProfile,
)
from scep.protocol.certificates import (
    encode_public_key,
    fingerprint,
    generate_private_key,
)
from scep.protocol.grant import ChallengeGrant
from scep.protocol.identity_certificate import build_identity_certificate
from scep.protocol.issuing import SERIAL_BITS, Validity, build_validity
from scep.protocol.names import describe_name
from scep.protocol.pkcs12 import build_pkcs12
from scep.protocol.revocation_reasons import CEASED, SUPERSEDED, check_reason
from scep.protocol.subject_template import Naming
from scep.selectors import (
    IDENTITY_LIFETIME,
    get_chain_end,
    get_issuing_ca,
    get_profile_authority,
    get_signer,
    select_certificate_of_transaction,
    select_compromised_key,
    verify_not_compromised,
)
from scep.services.naming import Names, build_names
from scep.services.permitted_names import check_names
from scep.services.revocation import mark_stale
from scep.signals import certificate_issued, certificate_revoked, intent_revoked

IDENTITY_KEY_BITS = 2048
SHORT_LIFETIME = timedelta(hours=1)
"""Of certificates that are made for one moment: the server's tests, the Profile Service."""
PASSWORD_BYTES = 24
# The disk is waited for once, when the certificate is stored: that writes the intent as well, and
# until then nobody has got the signature.
INTEND = PreparedInsert(
    IssuedCertificate,
    unless=[select_compromised_key, select_certificate_of_transaction],
    waits_for_disk=False,
)

# What was revoked meanwhile stays revoked (S12).
STORE = PreparedUpdate(
    lambda: IssuedCertificate.objects.filter(
        pk=Given("pk"), status=CertificateStatus.INTENDED.value
    ),
    status=CertificateStatus.ISSUED.value,
    certificate=Given("certificate"),
    fingerprint=Given("fingerprint"),
    transaction_id=Given("transaction_id"),
    updated_at=Given("now"),
)


@dataclass(frozen=True)
class Application:
    """What is to be certified: a key, for whom, and under which SCEP transaction.

    `renews`: the certificate that the new one replaces. `keeps`: the names of that one, where
    they stay as they are; else the SCEP profile's template decides. `caller`: who asked.
    `organization`: the server's, by name, where it is known already.
    """

    public_key: rsa.RSAPublicKey
    grant: ChallengeGrant
    scep_profile: ScepProfile | None = None
    transaction_id: str | None = None
    renews: IssuedCertificate | None = None
    keeps: Naming | None = None
    caller: Caller = NOBODY
    organization: str = ""


def issue_certificate(
    application: Application,
    *,
    issuer: CertificateAuthority,
    now: datetime,
    spend: Callable[[IssuedCertificate], object],
) -> IssuedCertificate:
    """Sign an identity certificate and store it; `spend(row)` runs in the storing transaction.

    Whatever `spend` raises undoes the storing, and the certificate is never handed out.
    Raises RequestRejected for a compromised key, NamesForbidden, IdentityRevoked where the
    certificate that is renewed was revoked, DuplicateTransaction where the transactionID has
    brought a certificate meanwhile, organization.errors.NotSetUp where the CA cannot sign (any
    more).
    """
    signer = get_signer(issuer)
    names = _get_names(application)
    check_names(names.naming, issuer=issuer)
    validity = _get_validity(application, issuer=issuer, now=now)
    serial = secrets.randbits(SERIAL_BITS) | 1
    row = _store_intent(application, issuer=issuer, serial=serial, names=names, validity=validity)
    try:
        certificate = build_identity_certificate(
            application.public_key,
            issuer=signer,
            subject=names.naming.subject,
            alternative_names=names.naming.alternative_names,
            deciphers=_get_key_usage(application) == KeyUsage.SIGNING_AND_ENCRYPTION,
            serial=serial,
            validity=validity,
        )
        _store_certificate(row, certificate, application=application, spend=spend)
    except ScepError:
        # The serial number may have been signed. No news of it: there is some of the refusal.
        with transaction.atomic():
            _mark_revoked(row, reason=CEASED, now=now)
        raise
    return row


def issue_identity(
    *,
    session_id: str,
    token_id: str,
    common_name: str,
    now: datetime,
    renews: IssuedCertificate | None = None,
) -> tuple[bytes, str, IssuedCertificate]:
    """Return (PKCS#12 DER, its random password, the row) for a session without SCEP.

    A new identity for the same session revokes the earlier ones. One that `renews` another
    revokes none: the device may hold any of them until a new one speaks. The key is not stored.
    """
    key = generate_private_key(bits=IDENTITY_KEY_BITS)
    application = Application(key.public_key(), ChallengeGrant(session_id, token_id), renews=renews)

    def revoke_earlier(row: IssuedCertificate) -> None:
        if renews is None and session_id:
            _revoke_earlier(row, now=now)

    row = issue_certificate(application, issuer=get_issuing_ca(), now=now, spend=revoke_earlier)
    certificate = x509.load_der_x509_certificate(bytes(row.certificate or b""))
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    package = build_pkcs12(
        key,
        certificate=certificate,
        name=common_name or str(uuid.uuid4()),
        password=password,
    )
    return package, password, row


def note_device(certificate: IssuedCertificate, *, device_id: str) -> None:
    """Remember which device (`dev_…`) speaks with the certificate."""
    if certificate.device_id == device_id:
        return
    certificate.device_id = device_id
    certificate.save(update_fields=["device_id", "updated_at"])


def revoke_certificate(
    certificate: IssuedCertificate, *, reason: str, now: datetime, actor: str = ""
) -> None:
    """Revoke for good; a certificate that is revoked already stays as it is.

    `reason`: one of revocation_reasons.REASONS. Audited where an `actor` asked for it.
    Raises RevocationReasonInvalid.
    """
    check_reason(reason)
    with transaction.atomic():
        if not _mark_revoked(certificate, reason=reason, now=now):
            return
        if actor:
            audit.record(
                actor,
                action="certificate.revoke",
                subject_id=certificate.public_id,
                subject=certificate.subject,
                detail={"reason": reason},
            )
        news = certificate_revoked if certificate.fingerprint else intent_revoked
        news.send(sender=IssuedCertificate, certificate=certificate)


def _mark_revoked(certificate: IssuedCertificate, *, reason: str, now: datetime) -> bool:
    """Return whether it was not revoked yet."""
    mark_stale(certificate.issuer_id)
    rows = IssuedCertificate.objects.filter(pk=certificate.pk)
    changed = rows.exclude(status=CertificateStatus.REVOKED).update(
        status=CertificateStatus.REVOKED,
        revoked_at=now,
        revocation_reason=reason,
        updated_at=now,
    )
    certificate.refresh_from_db()
    return bool(changed)


def _revoke_earlier(row: IssuedCertificate, *, now: datetime) -> None:
    """Of several at once, each revokes those that were stored before it: the last one is left."""
    lock_until_commit(f"identity {row.session_id}")
    earlier = IssuedCertificate.objects.filter(
        session_id=row.session_id, scep_profile=None, status=CertificateStatus.ISSUED
    )
    for each in list(earlier.exclude(pk=row.pk)):
        revoke_certificate(each, reason=SUPERSEDED, now=now)


def _get_names(application: Application) -> Names:
    if application.keeps is not None:
        return Names(application.keeps)
    return build_names(
        application.scep_profile,
        grant=application.grant,
        is_renewal=application.renews is not None,
        organization=application.organization,
    )


def _get_validity(
    application: Application, *, issuer: CertificateAuthority, now: datetime
) -> Validity:
    profile = application.scep_profile
    lifetime = timedelta(days=profile.validity_days) if profile else IDENTITY_LIFETIME
    if application.grant.is_test or application.grant.is_profile_service:
        lifetime = SHORT_LIFETIME
    return build_validity(now, lifetime=lifetime, limit=_get_end(issuer, now=now))


def check_authority(scep_profile: ScepProfile, *, now: datetime) -> None:
    """Raises AuthorityExpired where the CA of the profile, one of ours, can issue nothing."""
    _get_end(get_profile_authority(scep_profile), now=now)


def _get_end(issuer: CertificateAuthority, *, now: datetime) -> datetime:
    end = get_chain_end(issuer)
    if end <= now:
        raise AuthorityExpired("the certificate authority, or one above it, has expired")
    return end


def _get_key_usage(application: Application) -> int:
    profile = application.scep_profile
    return profile.key_usage if profile else KeyUsage.SIGNING_AND_ENCRYPTION


def _store_intent(
    application: Application,
    *,
    issuer: CertificateAuthority,
    serial: int,
    names: Names,
    validity: Validity,
) -> IssuedCertificate:
    renews = application.renews
    is_identity = not application.grant.is_profile_service
    purpose = CertificatePurpose.IDENTITY if is_identity else CertificatePurpose.PROFILE_SERVICE
    row = IssuedCertificate(
        issuer=issuer,
        purpose=purpose,
        scep_profile=application.scep_profile,
        serial=f"{serial:x}",
        subject=describe_name(names.naming.subject)[:255],
        public_key_sha256=fingerprint(encode_public_key(application.public_key)),
        session_id=application.grant.session_id,
        token_id=application.grant.token_id,
        device_id=renews.device_id if renews else "",
        renews=renews,
        lacks_attributes=names.lacks_attributes,
        not_before=validity.not_before,
        not_after=validity.not_after,
    )
    if not INTEND.run(
        row,
        key=row.public_key_sha256,
        scep_profile=row.scep_profile_id,
        transaction_id=application.transaction_id,
    ):
        verify_not_compromised(application.public_key)
        raise DuplicateTransaction("the transactionID is in use")
    return row


def _store_certificate(
    row: IssuedCertificate,
    der: bytes,
    *,
    application: Application,
    spend: Callable[[IssuedCertificate], object],
) -> None:
    row.certificate, row.fingerprint, row.updated_at = der, fingerprint(der), timezone.now()
    row.status, row.transaction_id = CertificateStatus.ISSUED.value, application.transaction_id
    is_stored = False
    try:
        with transaction.atomic():
            # In the order in which a revocation takes them: what is renewed, then what renews it.
            if application.renews is not None:
                _lock_renewed(application.renews)
            _store(row)
            is_stored = True
            spend(row)
            certificate_issued.send(
                sender=IssuedCertificate, certificate=row, caller=application.caller
            )
    except IntegrityError as error:
        if is_stored:
            raise
        raise DuplicateTransaction("the transactionID is in use") from error


def _store(row: IssuedCertificate) -> None:
    is_stored = STORE.run(
        pk=row.pk,
        certificate=row.certificate,
        fingerprint=row.fingerprint,
        transaction_id=row.transaction_id,
        now=row.updated_at,
    )
    if not is_stored:
        raise RequestRejected("the serial number was revoked before its certificate was stored")


def _lock_renewed(renewed: IssuedCertificate) -> None:
    """One renewal of a certificate after the other, and none once it is revoked."""
    rows = IssuedCertificate.objects.select_for_update().only("status").filter(pk=renewed.pk)
    if rows.get().status != CertificateStatus.ISSUED:
        raise IdentityRevoked(
            "the certificate to be renewed was revoked", fail_info=FailInfo.BAD_REQUEST
        )
