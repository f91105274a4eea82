"""Identities are renewed in time by sending the enrollment profile again (R7; Apple 101986).

Level-triggered: the sweep finds enrollments whose certificate is due and queues one
InstallProfile for each. The command holds no profile: its payload is built when the device
takes it (services.command_body), so no key and no challenge is stored, and each is fresh. A
renewal is over when the new identity speaks (renewed). Until then every failure is shown and tried
again, ever later.
"""

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from devices.models import (
    LARGE_OF_ENROLLMENT,
    OPEN_STATES,
    Command,
    CommandState,
    DeviceStatus,
    Enrollment,
    EnrollmentState,
)
from devices.protocol.waits import build_wait
from devices.services.answers import get_error
from devices.services.identities.renewed import RENEWAL_ORIGIN
from devices.services.queue import cancel_commands, enqueue
from devices.signals import renewal_failed
from organization.services.rounds import take_portion
from scep.models import CertificateStatus, IssuedCertificate
from scep.selectors import get_renewal_window, is_renewal_worthwhile, select_renewable

log = logging.getLogger(__name__)

FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=15), timedelta(days=1)
# A device that has installed the profile sends a TokenUpdate at once.
SPEAKS_WITHIN = timedelta(hours=1)
# An unanswered renewal is offered on and on; from here on it is shown as a failure too.
PATIENCE = timedelta(days=3)
PORTION = 2000
"""Enrollments whose certificates a run looks at: in an hour 120,000 (docs/adr/0236)."""
# What it reads of a certificate.
DECISIVE = (
    "fingerprint", "status", "lacks_attributes", "not_before", "not_after", "issuer__revoked_at",
    "scep_profile__renewal_days", "scep_profile__validity_days", "scep_profile__server_type",
    "scep_profile__issuing_ca__not_after",
)  # fmt: skip
UNDER_WAY = {"state": EnrollmentState.LIVE, "renewal_started_at__isnull": False}

REFUSED = "The device refused the renewed profile."
CANCELLED = "The command that renews the identity was cancelled."
NOT_USED = "The device installed the renewed profile but does not use its new identity."
PUT_OFF = f"The device has put the renewal off for {PATIENCE.days} days."
UNANSWERED = f"The device has not answered the renewal for {PATIENCE.days} days."
TOO_LATE = "The certificate expired before the device had a new one; enroll the device again."
SILENCE = (PUT_OFF, UNANSWERED)


def start_due_renewals(*, now: datetime) -> int:
    """Queue a renewal where a certificate is in its window; in rounds, everywhere; how many.

    Those that expire first come first.
    """
    may_try = Q(renewal_not_before=None) | Q(renewal_not_before__lte=now)
    resting = Enrollment.objects.filter(
        may_try, state=EnrollmentState.LIVE, renewal_started_at=None
    )
    due = resting.filter(pk__in=_find_due(resting, now=now)).defer(*LARGE_OF_ENROLLMENT)
    # One that is being taken out of management, or has left, gets no identity any more.
    staying = due.exclude(device__status=DeviceStatus.UNENROLLED).order_by("certificate_not_after")
    return sum(start_renewal(enrollment, now=now) is not None for enrollment in staying)


def _find_due(resting: QuerySet[Enrollment], *, now: datetime) -> list[int]:
    """Return the keys of those in this run's portion whose certificate is due."""
    portion = take_portion("renewals", Enrollment.objects.all(), size=PORTION)
    pinned = resting.filter(portion).order_by()
    keys = dict(pinned.values_list("certificate_sha256", "pk"))
    certificates = IssuedCertificate.objects.filter(fingerprint__in=list(keys)).order_by()
    renewable = certificates.filter(select_renewable(now=now), status=CertificateStatus.ISSUED)
    read = renewable.select_related("scep_profile__issuing_ca", "issuer").only(*DECISIVE)
    return [keys[str(row.fingerprint)] for row in read if _is_due(row, now=now)]


def _is_due(certificate: IssuedCertificate, *, now: datetime) -> bool:
    """A revoked or expired one cannot ask for anything any more.

    One that would end no later is not worth a device's while; that is looked at again. Where the CA
    itself was revoked, others believe the device no more: it gets one of another CA at once.
    """
    if certificate.status != CertificateStatus.ISSUED:
        return False
    if certificate.not_after <= now:
        return False
    if certificate.lacks_attributes or certificate.issuer.revoked_at is not None:
        return True
    is_time = get_renewal_window(certificate) <= now
    return is_time and is_renewal_worthwhile(certificate, now=now)


@transaction.atomic
def start_renewal(enrollment: Enrollment, *, now: datetime) -> Command | None:
    """Queue the command that renews the identity; None where one is under way already."""
    taken = Enrollment.objects.filter(
        pk=enrollment.pk, state=EnrollmentState.LIVE, renewal_started_at=None
    ).update(renewal_started_at=now)
    if not taken:
        return None
    cancel_commands(enrollment, origin=RENEWAL_ORIGIN)
    command = enqueue(enrollment, command={"RequestType": "InstallProfile"}, origin=RENEWAL_ORIGIN)
    Enrollment.objects.filter(pk=enrollment.pk).update(renewal_command_uuid=command.uuid)
    return command


def settle_renewals(*, now: datetime) -> int:
    """Find renewals that have come to nothing, to try them again; return how many."""
    return sum(
        settle_renewal(enrollment, now=now) for enrollment in _find_unsettled(now).iterator()
    )


def _find_unsettled(now: datetime) -> QuerySet[Enrollment]:
    """Renewals of which there is something to tell: most wait for their device, maybe for days."""
    waits = Q(state__in=OPEN_STATES) | Q(
        state=CommandState.ACKNOWLEDGED, completed_at__gte=now - SPEAKS_WITHIN
    )
    waiting = Exists(Command.objects.filter(waits, uuid=OuterRef("renewal_command_uuid")))
    is_silent = Q(renewal_started_at__lt=now - PATIENCE) & ~Q(renewal_error__in=SILENCE)
    rows = Enrollment.objects.filter(~waiting | is_silent, **UNDER_WAY)
    return rows.exclude(device__status=DeviceStatus.UNENROLLED).defer(*LARGE_OF_ENROLLMENT)


@transaction.atomic
def settle_renewal(enrollment: Enrollment, *, now: datetime) -> bool:
    """Note what became of the renewal under way; return whether it has failed."""
    command = Command.objects.filter(uuid=enrollment.renewal_command_uuid).first()
    message = _find_failure(command, now=now)
    if message:
        return fail_renewal(enrollment, message=message, now=now)
    started = enrollment.renewal_started_at
    is_open = command is not None and command.state in OPEN_STATES
    if is_open and started is not None and started < now - PATIENCE:
        _note_silence(enrollment, command=command)
    return False


def _find_failure(command: Command | None, *, now: datetime) -> str:
    if command is None or command.state == CommandState.CANCELLED:
        return CANCELLED
    if command.state in (CommandState.ERROR, CommandState.FORMAT_ERROR):
        return get_error(command) or REFUSED
    finished = command.completed_at
    if finished is not None and finished < now - SPEAKS_WITHIN:
        return NOT_USED
    return ""


def fail_renewal(enrollment: Enrollment, *, message: str, now: datetime) -> bool:
    """End the renewal under way; the sweep starts another later. False where it was over."""
    wait = build_wait(FIRST_WAIT, attempts=enrollment.renewal_attempts, longest=LONGEST_WAIT)
    failed = Enrollment.objects.filter(
        pk=enrollment.pk, renewal_command_uuid=enrollment.renewal_command_uuid, **UNDER_WAY
    ).update(
        renewal_started_at=None,
        renewal_command_uuid="",
        renewal_attempts=F("renewal_attempts") + 1,
        renewal_not_before=now + wait,
        renewal_error=message[:255],
    )
    if failed:
        enrollment.refresh_from_db()
        cancel_commands(enrollment, origin=RENEWAL_ORIGIN)
        _report(enrollment)
    return bool(failed)


def end_renewal(enrollment: Enrollment) -> None:
    """Its identity has expired: no command reaches the device, and none is tried again.

    A device that has taken the profile before may still come with its new identity.
    """
    rows = Enrollment.objects.filter(pk=enrollment.pk)
    rows.update(
        renewal_started_at=None,
        renewal_command_uuid="",
        renewal_not_before=None,
        renewal_error=TOO_LATE,
    )
    enrollment.refresh_from_db()
    cancel_commands(enrollment, origin=RENEWAL_ORIGIN)
    _report(enrollment)


def _note_silence(enrollment: Enrollment, *, command: Command | None) -> None:
    """The command stays: a device that comes back after weeks is to be renewed at once."""
    put_off = command is not None and command.state == CommandState.NOT_NOW
    message = PUT_OFF if put_off else UNANSWERED
    rows = Enrollment.objects.filter(pk=enrollment.pk, **UNDER_WAY)
    if rows.exclude(renewal_error__in=SILENCE).update(renewal_error=message):
        enrollment.refresh_from_db()
        _report(enrollment)


def _report(enrollment: Enrollment) -> None:
    log.warning("renewal of %s: %s", enrollment.device.public_id, enrollment.renewal_error)
    renewal_failed.send(Enrollment, enrollment=enrollment, message=enrollment.renewal_error)
