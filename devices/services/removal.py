"""The end of an enrollment: nothing is pushed, offered or believed any more."""

from datetime import datetime

from devices.models import GOING, Enrollment
from devices.services.queue import cancel_commands
from devices.services.user_channels import end_user_channels
from devices.signals import enrollment_ended


def end_enrollment(enrollment: Enrollment, *, state: str, now: datetime) -> bool:
    """Forget what reaches the device, cancel what waits; False when it was over already.

    Its users' channels end with it, and its identity is revoked a moment later. The history and
    the PINs of sent commands stay.
    """
    ended = Enrollment.objects.filter(pk=enrollment.pk, state__in=GOING).update(
        state=state,
        ended_at=now,
        push_token=None,
        push_magic=None,
        unlock_token=None,
        bootstrap_token=None,
        push_requested_at=None,
        updated_at=now,
    )
    if ended:
        enrollment.refresh_from_db()
        cancel_commands(enrollment)
        end_user_channels(enrollment, now=now)
        enrollment_ended.send(Enrollment, enrollment=enrollment)
    return bool(ended)
