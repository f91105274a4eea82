"""Pushes: claim the request, ask APNs, write down what its answer means for the device."""

import logging
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from devices.errors import PushCertificateMissing
from devices.models import (
    DeviceStatus,
    Enrollment,
    EnrollmentState,
    PushCertificate,
    UserChannel,
)
from devices.protocol.apns import PushAnswer, Verdict, build_body, build_headers, build_path
from devices.selectors import find_due_commands, get_push_certificate
from devices.services.apns_client import send
from devices.services.status import GONE, set_status
from devices.signals import push_failed

log = logging.getLogger(__name__)

# How long APNs keeps a push for a device that is switched off.
KEPT = timedelta(days=7)
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=6)
# A request this old has lost its task.
LOST = timedelta(seconds=30)
MISSING, EXPIRED, FAILED = "push_certificate_missing", "push_certificate_expired", "push_failed"

Target = Enrollment | UserChannel
Model = type[Enrollment] | type[UserChannel]
LIVE: dict[Model, Q] = {
    Enrollment: Q(state=EnrollmentState.LIVE),
    UserChannel: Q(enrollment__state=EnrollmentState.LIVE, ended_at=None),
}
# Which commands are waited for on a channel.
QUEUE: dict[Model, dict[str, Any]] = {
    Enrollment: {"enrollment": OuterRef("pk"), "user_channel": None},
    UserChannel: {"user_channel": OuterRef("pk")},
}


def push(target_id: int, *, model: Model = Enrollment, now: datetime) -> Verdict | None:
    """Send the push that was asked for; None when there is none to send, or not yet.

    Two workers with the same request: one claims it, the other finds nothing.
    """
    if not _claim(target_id, model=model, now=now):
        return None
    target = model._default_manager.get(pk=target_id)
    answer, code = _ask(target, now=now)
    _write(target, answer=answer, code=code, now=now)
    return answer.verdict


def _claim(target_id: int, *, model: Model, now: datetime) -> bool:
    may_try = Q(push_error="") | Q(push_not_before=None) | Q(push_not_before__lte=now)
    requested = _reachable(model).filter(may_try, pk=target_id, push_requested_at__isnull=False)
    return bool(requested.update(push_requested_at=None, push_sent_at=now))


def _reachable(model: Model) -> QuerySet[Any]:
    return model._default_manager.filter(
        LIVE[model], push_suspended_at=None, push_token__isnull=False
    )


def _get_enrollment(target: Target) -> Enrollment:
    return target.enrollment if isinstance(target, UserChannel) else target


def _ask(target: Target, *, now: datetime) -> tuple[PushAnswer, str]:
    """Return APNs' answer, or our own where no question is possible, and the log's code."""
    try:
        certificate = get_push_certificate()
    except PushCertificateMissing as error:
        return PushAnswer(Verdict.CERTIFICATE_BAD, str(error)), MISSING
    if _is_expired(certificate, now=now):
        return PushAnswer(Verdict.CERTIFICATE_BAD, "the push certificate has expired"), EXPIRED
    topic = _get_enrollment(target).topic
    if certificate.topic != topic:
        reason = f"the device was enrolled with topic {topic}"
        return PushAnswer(Verdict.CERTIFICATE_BAD, reason), FAILED
    answer = send(
        certificate,
        path=build_path(target.push_token or b""),
        headers=build_headers(topic, expires_at=now + KEPT),
        body=build_body((target.push_magic or b"").decode()),
    )
    return answer, FAILED


def _is_expired(certificate: PushCertificate, *, now: datetime) -> bool:
    return certificate.not_after is not None and certificate.not_after <= now


@transaction.atomic
def _write(target: Target, *, answer: PushAnswer, code: str, now: datetime) -> None:
    wait = min(FIRST_WAIT * 2 ** min(target.push_attempts, 12), LONGEST_WAIT)
    wait = max(wait, timedelta(seconds=answer.retry_after))
    changes = {
        "push_attempts": min(target.push_attempts + 1, 100),
        "push_not_before": now + wait,
    }
    rows = type(target)._default_manager.filter(pk=target.pk)
    if answer.verdict == Verdict.DELIVERED:
        rows.update(push_error="", **changes)
        return
    known = target.push_error
    target.push_error = f"{answer.verdict.value}: {answer.reason}"[:255]
    if answer.verdict in (Verdict.DEVICE_GONE, Verdict.UNUSABLE):
        # A TokenUpdate that came meanwhile has brought another token, which is not dead.
        rows = rows.filter(token_update_count=target.token_update_count)
        changes["push_suspended_at"] = now
    else:
        changes["push_requested_at"] = now
    if not rows.update(push_error=target.push_error, **changes):
        return
    if answer.verdict == Verdict.DEVICE_GONE and isinstance(target, Enrollment):
        set_status(target.device, status=DeviceStatus.UNENROLLED, reason=GONE)
    if target.push_error != known:
        _report(target, code=code)


def _report(target: Target, *, code: str) -> None:
    """Tell it once, not with every retry."""
    enrollment = _get_enrollment(target)
    log.warning("push to %s: %s", enrollment.device.public_id, target.push_error)
    push_failed.send(Enrollment, enrollment=enrollment, code=code, message=target.push_error)


def request_due_pushes(*, model: Model = Enrollment, now: datetime) -> list[int]:
    """Mark every live channel that should be woken; return their ids, patient ones first.

    Those with a command that waits or whose answer is overdue, and those whose request was
    noted and its task lost. Devices that do not come are woken ever less often.
    """
    is_due = Q(Exists(find_due_commands(now).filter(**QUEUE[model])))
    is_lost = Q(push_requested_at__lte=now - LOST)
    may_try = Q(push_not_before=None) | Q(push_not_before__lte=now)
    due = _reachable(model).filter(is_due | is_lost, may_try).order_by("push_attempts", "id")
    ids = list(due.values_list("pk", flat=True))
    model._default_manager.filter(pk__in=ids, push_requested_at=None).update(push_requested_at=now)
    return ids
