"""What a device is handed as a command; an enrollment profile in it is built at this moment."""

from collections.abc import Callable
from datetime import datetime

from django.conf import settings
from django.utils.module_loading import import_string

from devices.errors import RenewalNotPossible
from devices.models import OPEN_STATES, Command, CommandState, Enrollment
from devices.protocol.commands import build_install_profile
from devices.protocol.plist import encode_exactly
from devices.services.built_bodies import put_back_if_built_often
from devices.services.erase import ERASE, find_erase_body
from devices.services.identities.renewal import fail_renewal
from devices.services.identities.renewed import RENEWAL_ORIGIN
from devices.services.identities.replaced import revoke_unspoken


def find_command_body(command: Command, *, now: datetime) -> bytes | None:
    """Return the Command dictionary to hand out, encoded; None for one that cannot go now.

    Such a command is finished or put back here, so that it does not stand in the way of others.
    """
    if command.request_type == ERASE:
        return find_erase_body(command, now=now)
    if command.origin == RENEWAL_ORIGIN:
        return _find_renewal_body(command, now=now)
    return command.body or b""


def _find_renewal_body(command: Command, *, now: datetime) -> bytes | None:
    enrollment = Enrollment.objects.select_related("device").get(pk=command.enrollment_id)
    if enrollment.renewal_command_uuid != command.uuid:
        _close(command, now=now)
        return None
    if put_back_if_built_often(command, now=now):
        return None
    revoke_unspoken(enrollment, now=now)
    build: Callable[..., bytes] = import_string(settings.MDM_RENEWAL_PROFILE)
    try:
        return encode_exactly(build_install_profile(build(enrollment, now=now)))
    except RenewalNotPossible as error:
        fail_renewal(enrollment, message=str(error), now=now)
        return None


def _close(command: Command, *, now: datetime) -> None:
    """The renewal is over: the new identity has spoken, or another command took its place.

    One that the device had in hand has been obeyed; `command` is as it was before it was taken.
    """
    obeyed = command.state == CommandState.SENT
    Command.objects.filter(pk=command.pk, state__in=OPEN_STATES).update(
        state=CommandState.ACKNOWLEDGED if obeyed else CommandState.CANCELLED,
        completed_at=now,
        not_before=None,
        updated_at=now,
    )
