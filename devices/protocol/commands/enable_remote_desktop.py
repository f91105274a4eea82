"""EnableRemoteDesktop: screen sharing for all users of the Mac."""

from devices.protocol.commands.requirements import Needs
from devices.protocol.commands.table import ADMINISTRATOR, CommandType, Kind
from devices.protocol.platform import MACOS

ENABLE_REMOTE_DESKTOP = CommandType(
    "EnableRemoteDesktop",
    "Enable remote desktop",
    Kind.SCREEN,
    {MACOS: Needs("10.14.4", supervised=True)},
    is_unique=True,
    minimum_role=ADMINISTRATOR,
)
