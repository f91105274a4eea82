"""EraseDevice: what must hold before it, the profile that brings the device back, its end."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

from devices.errors import CommandInvalid, ReturnNotPossible
from devices.models import (
    OPEN_STATES,
    Command,
    CommandState,
    Device,
    DeviceStatus,
    Enrollment,
    EnrollmentState,
)
from devices.protocol.platform import MACOS
from devices.protocol.plist import encode_exactly
from devices.protocol.wifi_profile import check_wifi_profile
from devices.selectors import find_live_enrollment, get_command_body
from devices.services.built_bodies import put_back_if_built_often
from devices.services.queue import withdraw
from devices.services.removal import end_enrollment
from devices.services.status import set_status
from devices.signals import command_finished

ERASE = "EraseDevice"
ERASED = "Erased."
RETURNS = "Erased; it is to come back by Return to Service."
NOTHING_ESCROWED = (
    "This Mac has not escrowed its bootstrap token. One with an Apple chip may then be unable to "
    "erase in place; have an administrator of the Mac sign in once, and look again."
)


def check_erase(device: Device, *, body: dict[str, Any]) -> None:
    """Raise CommandInvalid where the device could not come back as `body` tells it to."""
    returning = body.get("ReturnToService")
    if returning is None:
        return
    if device.group_id is None:
        raise CommandInvalid("the device is in no group that it could come back to")
    if "WiFiProfileData" in returning:
        check_wifi_profile(returning["WiFiProfileData"])


def find_erase_warning(device: Device) -> str:
    """Return what an administrator should know before a Mac is erased, or ""."""
    enrollment = find_live_enrollment(device) if device.platform == MACOS else None
    return NOTHING_ESCROWED if enrollment is not None and not enrollment.bootstrap_token else ""


def supersede_erase(waiting: Command, *, body: dict[str, Any]) -> Command | None:
    """Return the waiting erase where `body` asks for the same, None once it is taken back.

    Raises CommandInvalid where the device has one in hand that does something else.
    """
    if _leave_out_pin(get_command_body(waiting)) == _leave_out_pin(body):
        return waiting
    if withdraw(waiting.uuid):
        return None
    raise CommandInvalid("the device has been told to erase itself in another way already")


def _leave_out_pin(body: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key != "PIN"}


def find_erase_body(command: Command, *, now: datetime) -> bytes | None:
    """Return the Command dictionary to hand out, encoded, with a fresh profile to come back with.

    Where there can be none the command fails, and the device is not erased: None. Nor is it now
    where the profile was made too often.
    """
    body = get_command_body(command)
    returning = body.get("ReturnToService")
    if not isinstance(returning, dict):  # an administrator's own command goes out as it is
        return encode_exactly(body)
    if put_back_if_built_often(command, now=now):
        return None
    enrollment = Enrollment.objects.select_related("device__group").get(pk=command.enrollment_id)
    build: Callable[..., bytes] = import_string(settings.MDM_RETURN_PROFILE)
    try:
        profile = build(enrollment, now=now)
    except ReturnNotPossible as error:
        _fail(command, message=f"Not erased, as it could not come back: {error}", now=now)
        return None
    return encode_exactly(body | {"ReturnToService": {**returning, "MDMProfileData": profile}})


@transaction.atomic
def _fail(command: Command, *, message: str, now: datetime) -> None:
    failed = Command.objects.filter(pk=command.pk, state__in=OPEN_STATES).update(
        state=CommandState.ERROR,
        error_chain=[{"ErrorDomain": "GuardMDM", "USEnglishDescription": message}],
        completed_at=now,
        not_before=None,
        updated_at=now,
    )
    if failed:
        command.refresh_from_db()
        command_finished.send(Command, command=command)


def finish_erase(command: Command, answer: dict[str, Any], now: datetime) -> None:
    """The device obeys: its key is gone, so its enrollment ends, and a moment later its identity.

    The row and its history stay; a device that comes back is known by its UDID.
    """
    enrollment, device = command.enrollment, command.enrollment.device
    if not end_enrollment(enrollment, state=EnrollmentState.REMOVED, now=now):
        return
    returns = "ReturnToService" in get_command_body(command)
    reason = RETURNS if returns else ERASED
    set_status(device, status=DeviceStatus.UNENROLLED, reason=reason)
