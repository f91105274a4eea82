"""A renewed identity takes over: the first message that it signs pins it (D3, R7).

It may take over from the identity that it renews, and from a sibling issued before it: a
device that was handed the renewal profile twice ends up with the second certificate.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.x509.oid import NameOID
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from devices.errors import MessageRefused
from devices.models import GOING, Command, DeviceStatus, Enrollment, EnrollmentState
from devices.services.identities.replaced import OVERLAP, find_by_fingerprint, revoke_superseded
from devices.services.locks import lock_device
from devices.services.queue import withdraw
from devices.services.status import mark_enrolled
from devices.services.warnings import flag_device
from devices.signals import identity_renewed
from scep.models import (
    CertificateAuthorityRole,
    CertificateStatus,
    IssuedCertificate,
)
from scep.selectors import get_certificate
from scep.services.issuance import note_device

RENEWAL_ORIGIN = "renewal"
"""The `origin` of the commands that renew an identity."""
# A device installs the profile and answers within minutes.
SETTLED = timedelta(hours=1)
# A chain of renewals none of which ever spoke is short.
LONGEST_LINE = 8
STILL_USED = "Its identity from before the last renewal is still used: is there a copy of it?"


def find_renewing_enrollment(certificate: IssuedCertificate) -> Enrollment | None:
    """Return the enrollment whose identity this certificate may replace, in any state, or None."""
    line = list(_list_ancestors(certificate))
    if not line:
        return None
    older = IssuedCertificate.objects.filter(
        Q(pk__in=line) | Q(renews__in=line), pk__lt=certificate.pk, status=CertificateStatus.ISSUED
    )
    pinned = Enrollment.objects.select_related("device")
    return pinned.filter(certificate_sha256__in=older.values("fingerprint")).first()


def _list_ancestors(certificate: IssuedCertificate) -> Iterator[int]:
    """Yield what it renews, and what that renews; nothing behind a revoked one."""
    row = certificate.renews
    for _ in range(LONGEST_LINE):
        if row is None or row.status != CertificateStatus.ISSUED:
            return
        yield row.pk
        row = row.renews


def find_external_renewal(certificate: IssuedCertificate, *, udid: str) -> Enrollment | None:
    """Return the enrollment whose identity an external CA has renewed, which it does not say.

    Taken is a certificate that is not older, of a CA that the SCEP profile trusts, for the same
    common name or one that tells the session, from a device that has been handed a renewal since
    its last one.
    """
    if certificate.issuer.role != CertificateAuthorityRole.EXTERNAL:
        return None
    enrollment = (
        Enrollment.objects.select_related("device")
        .filter(device__udid=udid, state=EnrollmentState.LIVE)
        .first()
    )
    if enrollment is None or not _was_asked(enrollment):
        return None
    pinned = find_identity(enrollment.certificate_sha256)
    if pinned is None or pinned.not_before > certificate.not_before:
        return None
    names = _get_names(certificate)
    is_named = bool(names & _get_names(pinned)) or _tells_session(names, enrollment=enrollment)
    return enrollment if is_named and _is_trusted(certificate, pinned=pinned) else None


def _tells_session(names: set[str], *, enrollment: Enrollment) -> bool:
    session_id = enrollment.session_id
    return bool(session_id) and any(session_id in name for name in names)


def _was_asked(enrollment: Enrollment) -> bool:
    asked = Command.objects.filter(
        enrollment=enrollment, origin=RENEWAL_ORIGIN, sent_at__isnull=False
    )
    if enrollment.renewed_at is not None:
        asked = asked.filter(created_at__gt=enrollment.renewed_at)
    return asked.exists()


def _is_trusted(certificate: IssuedCertificate, *, pinned: IssuedCertificate) -> bool:
    profile = pinned.scep_profile
    return profile is not None and profile.trusted_cas.filter(pk=certificate.issuer_id).exists()


def _get_names(certificate: IssuedCertificate) -> set[str]:
    subject: x509.Name = get_certificate(certificate).subject
    return {str(name.value) for name in subject.get_attributes_for_oid(NameOID.COMMON_NAME)} - {""}


def find_identity(fingerprint: str) -> IssuedCertificate | None:
    """Return the certificate unless it is revoked."""
    issued = IssuedCertificate.objects.filter(status=CertificateStatus.ISSUED)
    return issued.filter(fingerprint=fingerprint).first()


def repin(enrollment: Enrollment, *, certificate: IssuedCertificate, now: datetime) -> Enrollment:
    """Pin the enrollment to its renewed identity; one that is over stays as it is.

    Raises MessageRefused where another identity has taken over in the meantime.
    """
    if enrollment.state not in GOING:
        return enrollment
    displaced = enrollment.previous_certificate_sha256
    if _take_over(enrollment, certificate=certificate, now=now):
        # Not with the device in hand, which whoever revokes may wait for (ended). What breaks
        # off here the sweep finds (replaced).
        revoke_superseded(find_by_fingerprint(displaced), now=now)
    return enrollment


@transaction.atomic
def _take_over(enrollment: Enrollment, *, certificate: IssuedCertificate, now: datetime) -> bool:
    """Return False where another message with the certificate has done so at this moment."""
    before, command_uuid = enrollment.certificate_sha256, enrollment.renewal_command_uuid
    hold_certificate(certificate)
    device = lock_device(enrollment.device_id)
    _check_not_pinned(certificate, enrollment=enrollment)
    changed = _write_pin(enrollment, certificate=certificate, now=now)
    enrollment.refresh_from_db()
    enrollment.device = device
    if not changed:
        if enrollment.certificate_sha256 == certificate.fingerprint:
            return False
        raise MessageRefused("identity_not_trusted", "another identity has taken over meanwhile")
    withdraw(command_uuid)
    _note_owner(enrollment, certificate=certificate, before=before)
    identity_renewed.send(Enrollment, enrollment=enrollment, certificate=certificate)
    return True


def hold_certificate(certificate: IssuedCertificate) -> None:
    """Make whoever pins the same certificate wait, before a device is held, and find the pin."""
    IssuedCertificate.objects.select_for_update().values_list("pk").get(pk=certificate.pk)


def _check_not_pinned(certificate: IssuedCertificate, *, enrollment: Enrollment) -> None:
    """Raises MessageRefused where an Authenticate has begun another enrollment meanwhile."""
    others = Enrollment.objects.exclude(pk=enrollment.pk)
    if others.filter(certificate_sha256=certificate.fingerprint).exists():
        raise MessageRefused("identity_not_trusted", "it has begun another enrollment meanwhile")


def _write_pin(enrollment: Enrollment, *, certificate: IssuedCertificate, now: datetime) -> bool:
    before = enrollment.certificate_sha256
    rows = Enrollment.objects.filter(pk=enrollment.pk, certificate_sha256=before, state__in=GOING)
    return bool(
        rows.update(
            certificate_sha256=certificate.fingerprint,
            certificate_not_after=certificate.not_after,
            previous_certificate_sha256=before,
            renewed_at=now,
            renewal_started_at=None,
            renewal_command_uuid="",
            renewal_attempts=0,
            renewal_not_before=None,
            renewal_error="",
            updated_at=timezone.now(),
        )
    )


def _note_owner(enrollment: Enrollment, *, certificate: IssuedCertificate, before: str) -> None:
    if certificate.renews_id is None:  # an external CA's: only now is it known what it renews
        old = IssuedCertificate.objects.get(fingerprint=before)
        certificate.renews, certificate.scep_profile = old, old.scep_profile
        certificate.session_id, certificate.token_id = old.session_id, old.token_id
        fields = ["renews", "scep_profile", "session_id", "token_id", "updated_at"]
        certificate.save(update_fields=fields)
    device = enrollment.device
    note_device(certificate, device_id=device.public_id)
    if enrollment.state == EnrollmentState.LIVE and device.status == DeviceStatus.NOT_MANAGED:
        mark_enrolled(device)  # it was given up because its identity had expired


def check_replaced(enrollment: Enrollment, *, now: datetime) -> None:
    """Raises MessageRefused for a replaced identity whose day is over, or whose heir is revoked.

    One that is still used after an hour is flagged: two devices may share the enrollment.
    """
    renewed_at = enrollment.renewed_at
    if renewed_at is None or now - renewed_at > OVERLAP:
        raise MessageRefused("identity_not_trusted", "a renewed identity has replaced this one")
    if find_identity(enrollment.certificate_sha256) is None:
        raise MessageRefused("identity_revoked", "the identity that replaced this one was revoked")
    if now - renewed_at > SETTLED:
        flag_device(enrollment.device, warning=STILL_USED)
