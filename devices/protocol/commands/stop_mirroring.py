"""StopMirroring: the screen is the own one again."""

from devices.protocol.commands.requirements import Needs
from devices.protocol.commands.table import CommandType, Kind
from devices.protocol.platform import IOS, MACOS

STOP_MIRRORING = CommandType(
    "StopMirroring",
    "Stop mirroring",
    Kind.SCREEN,
    {IOS: Needs("7.0", supervised=True), MACOS: Needs("10.10")},
    is_unique=True,
)
