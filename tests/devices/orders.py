"""Commands that the tests give often."""

from typing import Any

from devices.models import Command, Device
from devices.services.actions import queue_command

ACTOR = "admin@example.com"


def lock(device: Device, *, actor: str = ACTOR, **parameters: Any) -> Command:
    return queue_command(device, request_type="DeviceLock", parameters=parameters, actor=actor)


def erase(device: Device, *, actor: str = ACTOR, **parameters: Any) -> Command:
    return queue_command(device, request_type="EraseDevice", parameters=parameters, actor=actor)


def restart(device: Device, *, actor: str = ACTOR) -> Command:
    return queue_command(device, request_type="RestartDevice", parameters={}, actor=actor)
