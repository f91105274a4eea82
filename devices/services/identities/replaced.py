"""The end of identities that a renewal has replaced, or that came of a renewal in vain.

The identity before speaks for a day more, since a device signs its last answers with it.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import QuerySet

from devices.models import Enrollment
from scep.models import CertificateStatus, IssuedCertificate
from scep.protocol.revocation_reasons import SUPERSEDED
from scep.services.issuance import revoke_certificate

OVERLAP = timedelta(days=1)


def revoke_replaced(*, now: datetime) -> int:
    """Revoke the identities that were replaced a day ago, and their other renewals; how many."""
    # Not "unlike": those that are greater stand together in the index.
    replaced = Enrollment.objects.filter(
        previous_certificate_sha256__gt="", renewed_at__lte=now - OVERLAP
    )
    return sum(_revoke_replaced(enrollment, now=now) for enrollment in replaced.iterator())


def _revoke_replaced(enrollment: Enrollment, *, now: datetime) -> int:
    """And what that one has replaced, where its end broke off."""
    before = enrollment.previous_certificate_sha256
    pinned = enrollment.certificate_sha256
    still = Enrollment.objects.filter(
        pk=enrollment.pk, certificate_sha256=pinned, previous_certificate_sha256=before
    )
    if not still.exists():
        return 0
    old = list(find_by_fingerprint(before).select_related("renews"))
    earlier = [row.renews for row in old if row.renews is not None]
    count = revoke_superseded([*earlier, *old, *_list_renewals(old, spared=pinned)], now=now)
    # At last, and without a lock meanwhile: whoever revokes may wait for what a device holds.
    still.update(previous_certificate_sha256="")
    return count


def revoke_unspoken(enrollment: Enrollment, *, now: datetime) -> int:
    """Revoke renewals of the pinned identity that were made a day ago and never spoke; how many.

    Called when the pinned identity asks for another: the device does not use the earlier ones.
    """
    pinned = list(IssuedCertificate.objects.filter(fingerprint=enrollment.certificate_sha256))
    old = [row for row in _list_renewals(pinned) if row.created_at < now - OVERLAP]
    return revoke_superseded(old, now=now)


def revoke_heirs(certificate: IssuedCertificate, *, now: datetime) -> None:
    """A pinned identity was revoked: with it go the one before it and its own renewals.

    Of one that no device speaks with, its renewals go that none speaks with either: whoever had its
    key may have got them.
    """
    enrollment = Enrollment.objects.filter(certificate_sha256=certificate.fingerprint or "").first()
    if enrollment is None:
        lost = _list_unspoken_renewals(certificate)
    else:
        before = find_by_fingerprint(enrollment.previous_certificate_sha256)
        lost = [*before, *_list_renewals([certificate])]
    for row in lost:
        revoke_certificate(row, reason=certificate.revocation_reason, now=now)


def find_by_fingerprint(fingerprint: str) -> QuerySet[IssuedCertificate]:
    """Return the certificate of this fingerprint, none for "".

    Never ask for None instead: that is every certificate that is being made at this moment.
    """
    return IssuedCertificate.objects.filter(fingerprint=fingerprint)


def revoke_superseded(certificates: Iterable[IssuedCertificate], *, now: datetime) -> int:
    """Revoke those that are not revoked yet; return how many."""
    count = 0
    for certificate in certificates:
        count += certificate.status == CertificateStatus.ISSUED
        revoke_certificate(certificate, reason=SUPERSEDED, now=now)
    return count


def _list_unspoken_renewals(certificate: IssuedCertificate) -> list[IssuedCertificate]:
    """Return what renews it and is pinned nowhere; nothing where that has taken its place.

    What renews these goes when they are revoked.
    """
    if certificate.revocation_reason == SUPERSEDED:
        return []
    renewals = list(
        IssuedCertificate.objects.filter(renews=certificate, status=CertificateStatus.ISSUED)
    )
    pinned = Enrollment.objects.filter(
        certificate_sha256__in=[row.fingerprint for row in renewals]
    ).values_list("certificate_sha256", flat=True)
    spoken = set(pinned) if renewals else set()
    return [row for row in renewals if row.fingerprint not in spoken]


def _list_renewals(
    certificates: list[IssuedCertificate], *, spared: str = ""
) -> list[IssuedCertificate]:
    """Return what renews them, and what renews that, except the `spared` one and its own."""
    found: list[IssuedCertificate] = []
    level = [row.pk for row in certificates]
    while level:
        rows = IssuedCertificate.objects.filter(renews__in=level).exclude(fingerprint=spared)
        issued = [row for row in rows if row.status == CertificateStatus.ISSUED]
        found += issued
        level = [row.pk for row in issued]
    return found
