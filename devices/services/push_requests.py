"""Asking for a push: noted in the row, so that the sweep finds it when the task is lost."""

from django.utils import timezone

from devices.models import Enrollment
from devices.signals import push_requested


def request_push(enrollment: Enrollment) -> None:
    """Wake the device soon; several requests until then are one push."""
    Enrollment.objects.filter(pk=enrollment.pk).update(push_requested_at=timezone.now())
    push_requested.send(Enrollment, enrollment=enrollment)
