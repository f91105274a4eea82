"""Devices' identity certificates: whether one is valid, and when it may be renewed."""

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from django.db import models
from django.db.models.expressions import RawSQL

from organization.models import Given, PreparedSelect
from scep.errors import IdentityNotInTime, IdentityNotTrusted, IdentityRevoked, RequestRejected
from scep.models import (
    CertificatePurpose,
    CertificateStatus,
    IssuedCertificate,
    ScepProfile,
)
from scep.protocol.certificates import encode_certificate, encode_public_key, fingerprint
from scep.protocol.revocation_reasons import KEY_COMPROMISE
from scep.selectors.authorities import get_certificate, get_chain_end, get_issuing_ca

CLOCK_LEEWAY = timedelta(minutes=10)
IDENTITY_LIFETIME = timedelta(days=365)
"""Of those that no SCEP profile decides about."""
ONE_DAY = timedelta(days=1)
LEAST_GAIN = timedelta(hours=1)
RENEWAL_WINDOW = timedelta(days=180)
RENEWAL_SHARE = 3
"""A certificate that lives shorter than that may be renewed in the last third of its life."""


def select_compromised_key() -> models.QuerySet[IssuedCertificate]:
    """Return the certificates of a public key (`key`, Given) that was compromised."""
    # The reason stands in the SQL itself: a value apart from it would keep the index from being
    # used.
    is_compromised = RawSQL(  # noqa: S611 - a constant
        f"revocation_reason = '{KEY_COMPROMISE}'", (), output_field=models.BooleanField()
    )
    rows = IssuedCertificate.objects.filter(is_compromised, public_key_sha256=Given("key"))
    return rows.only("pk").order_by()


def select_certificate_of_transaction() -> models.QuerySet[IssuedCertificate]:
    """Return what a `transaction_id` has brought with a `scep_profile` (both Given)."""
    return IssuedCertificate.objects.filter(
        scep_profile=Given("scep_profile"), transaction_id=Given("transaction_id")
    ).order_by()


def count_brought_certificates(*, session_id: str, token_id: str) -> int:
    """Return how many certificates the challenge of a session and a token has brought.

    Those revoked since are among them, renewals are not. An intent brings nothing to anybody while
    it is one: its request may be refused, or its server killed.
    """
    brought = IssuedCertificate.objects.filter(
        session_id=session_id, token_id=token_id, renews=None, fingerprint__isnull=False
    )
    return brought.count()


COMPROMISED_KEY = PreparedSelect(select_compromised_key)
IDENTITY = PreparedSelect(
    lambda: (
        IssuedCertificate.objects.select_related("issuer")
        .defer("issuer__private_key")
        .filter(fingerprint=Given("fingerprint"))
        .order_by()
    )
)


def get_renewal_window(certificate: IssuedCertificate) -> datetime:
    """Return the moment from which the certificate may be renewed; it ends with its validity.

    By its SCEP profile; else 180 days ahead, or a third of a shorter life. So, too, where a CA has
    made its life shorter than the profile's window: it would be renewed as soon as it is there.
    """
    profile, life = certificate.scep_profile, certificate.not_after - certificate.not_before
    if profile is not None and profile.renewal_days is not None:
        window = timedelta(days=profile.renewal_days)
        is_cut = life < timedelta(days=profile.validity_days)
        if not (is_cut and life < window + ONE_DAY):
            return certificate.not_after - window
    return certificate.not_after - min(RENEWAL_WINDOW, life / RENEWAL_SHARE)


def select_renewable(*, now: datetime) -> models.Q:
    """Return the condition that all certificates meet of which there is a reason to renew them.

    Most of the others are told apart without being read.
    """
    days = ScepProfile.objects.aggregate(most=models.Max("renewal_days"))["most"] or 0
    until = now + max(RENEWAL_WINDOW, timedelta(days=days))
    is_near = models.Q(not_after__gt=now, not_after__lte=until)
    is_lost = models.Q(issuer__revoked_at__isnull=False)
    return is_near | models.Q(lacks_attributes=True) | is_lost


def is_renewal_worthwhile(certificate: IssuedCertificate, *, now: datetime) -> bool:
    """Whether one that is issued now would not just end with the CA, as this one does already.

    So each device is renewed once more near the end of its CA, and not again and again. How long
    another server's live is not known here.
    """
    profile = certificate.scep_profile
    if profile is not None and profile.is_external:
        return True
    authority = (profile and profile.issuing_ca) or get_issuing_ca()
    end = min(authority.not_after, get_chain_end(authority))
    lifetime = timedelta(days=profile.validity_days) if profile else IDENTITY_LIFETIME
    is_cut = now + lifetime > end
    return not is_cut or end - certificate.not_after > LEAST_GAIN


def verify_identity(
    certificate: x509.Certificate,
    *,
    now: datetime,
    leeway: timedelta = CLOCK_LEEWAY,
    purpose: CertificatePurpose = CertificatePurpose.IDENTITY,
) -> IssuedCertificate:
    """Return the row of a certificate that we issued for `purpose` and that is valid `now`.

    Found by the SHA-256 of the whole certificate; the issuer's signature is checked again.
    Raises IdentityRevoked, or IdentityNotTrusted for everything else.
    """
    row = find_identity(fingerprint(encode_certificate(certificate)))
    if row is None:
        raise IdentityNotTrusted("the certificate was not issued here")
    verify_found_identity(row, certificate=certificate, now=now, leeway=leeway, purpose=purpose)
    return row


def find_identity(digest: str) -> IssuedCertificate | None:
    """Return the row of the certificate with this SHA-256 (hex), whatever its status, or None."""
    return IDENTITY.first(fingerprint=digest)


def verify_found_identity(
    row: IssuedCertificate,
    *,
    certificate: x509.Certificate,
    now: datetime,
    leeway: timedelta = CLOCK_LEEWAY,
    purpose: CertificatePurpose = CertificatePurpose.IDENTITY,
) -> None:
    """Verify a certificate whose `row` has just been read; raises like verify_identity."""
    if row.status == CertificateStatus.REVOKED:
        raise IdentityRevoked(f"the certificate was revoked ({row.revocation_reason})")
    if row.status != CertificateStatus.ISSUED:
        raise IdentityNotTrusted("the certificate was never handed out")
    if row.purpose != purpose:
        raise IdentityNotTrusted(f"it is a certificate for another use ({row.purpose})")
    _verify_issuer(certificate, issuer=get_certificate(row.issuer))
    if now < certificate.not_valid_before_utc - leeway:
        raise IdentityNotInTime("the certificate is not valid yet")
    if now > certificate.not_valid_after_utc + leeway:
        raise IdentityNotInTime("the certificate has expired")


def is_compromised(key_id: str) -> bool:
    """Whether a certificate of this key (SHA-256 of it, hex) was revoked as compromised."""
    return COMPROMISED_KEY.first(key=key_id) is not None


def verify_not_compromised(key: rsa.RSAPublicKey) -> None:
    """Raise RequestRejected where a certificate of this key was revoked as compromised."""
    if is_compromised(fingerprint(encode_public_key(key))):
        raise RequestRejected("the key is compromised: a certificate of it was revoked for that")


def _verify_issuer(certificate: x509.Certificate, *, issuer: x509.Certificate) -> None:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature) as error:
        raise IdentityNotTrusted("the certificate's signature is not our CA's") from error
