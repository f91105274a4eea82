"""Asking for a push: noted in the row, so that the sweep finds it when the task is lost."""

from django.utils import timezone

from devices.models import Enrollment, UserChannel
from devices.signals import push_requested


def request_push(target: Enrollment | UserChannel) -> None:
    """Wake the device, or its user's channel, soon; requests until then are one push and task."""
    waiting = type(target)._default_manager.filter(pk=target.pk, push_requested_at=None)
    if waiting.update(push_requested_at=timezone.now()):
        push_requested.send(type(target), target=target)


def insist_on_push(enrollment: Enrollment) -> None:
    """Like request_push, but now: an earlier failure's waiting time is over."""
    Enrollment.objects.filter(pk=enrollment.pk).update(
        push_requested_at=timezone.now(), push_not_before=None
    )
    push_requested.send(Enrollment, target=enrollment)
