"""One connection to ServerURL: Idle, then commands until there are no more."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import checkin, commands
from .errors import SimulationFailure
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
    body = device.channel().report(checkin.build_idle(device.hardware))
    for _ in range(MAX_COMMANDS):
        if not body:
            return
        obeyed = answer_command(device, decode_plist(body))
        body = device.channel().report(obeyed.answer)
        yield obeyed
        if device.end_after_answer:
            device.end_management()
            return
    raise SimulationFailure(f"more than {MAX_COMMANDS} commands on one connection")


def answer_command(device: "SimulatedDevice", envelope: Plist) -> ObeyedCommand:
    """Obeys one command envelope, or puts it off with NotNow."""
    command, uuid = envelope.get("Command"), envelope.get("CommandUUID")
    if not isinstance(command, dict) or not isinstance(uuid, str):
        raise SimulationFailure("the server's answer is no command")
    answer: Plist = {"UDID": device.udid, "CommandUUID": uuid}
    if device.not_now_left > 0:
        device.not_now_left -= 1
        answer["Status"] = "NotNow"
    else:
        answer |= commands.obey(device, command)
    request_type = str(command.get("RequestType"))
    return ObeyedCommand(uuid, request_type, answer["Status"], command, answer)
