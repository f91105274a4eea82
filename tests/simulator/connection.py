"""One connection to ServerURL: Idle, then commands until there are no more."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import checkin, commands
from .errors import SimulationFailure
from .habits import RenewalHabit
from .installing import is_renewal
from .profile_check import Plist, decode_plist

if TYPE_CHECKING:
    from .device import SimulatedDevice

MAX_COMMANDS = 1000


@dataclass(frozen=True)
class ObeyedCommand:
    """One command, what it asked and what the device answered."""

    uuid: str
    request_type: str
    status: str
    command: Plist
    answer: Plist


def run_connection(device: "SimulatedDevice") -> Iterator[ObeyedCommand]:
    """Yields each command once it is answered; stops when the device is gone."""
    channel = device.channel()
    body = channel.report(checkin.build_idle(device.hardware))
    for _ in range(MAX_COMMANDS):
        if not body:
            return
        obeyed = answer_command(device, decode_plist(body))
        if device.habits.renewal is not RenewalHabit.OLD_ANSWER:
            channel = device.channel()
        body = channel.report(obeyed.answer)
        yield obeyed
        if device.end_after_answer:
            device.end_management()
            return
    raise SimulationFailure(f"more than {MAX_COMMANDS} commands on one connection")


def puts_off(device: "SimulatedDevice", command: Plist) -> bool:
    """Whether the device is locked, or busy, just now."""
    if device.not_now_left > 0:
        device.not_now_left -= 1
        return True
    if not is_renewal(device, command):
        return False
    device.renewals_seen += 1
    return device.does_now(RenewalHabit.NOT_NOW)


def answer_command(device: "SimulatedDevice", envelope: Plist) -> ObeyedCommand:
    """Obeys one command envelope, or puts it off with NotNow."""
    command, uuid = envelope.get("Command"), envelope.get("CommandUUID")
    if not isinstance(command, dict) or not isinstance(uuid, str):
        raise SimulationFailure("the server's answer is no command")
    answer: Plist = {"UDID": device.udid, "CommandUUID": uuid}
    if puts_off(device, command):
        answer["Status"] = "NotNow"
    else:
        answer |= commands.obey(device, command)
    request_type = str(command.get("RequestType"))
    return ObeyedCommand(uuid, request_type, answer["Status"], command, answer)
