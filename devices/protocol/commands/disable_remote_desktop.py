"""DisableRemoteDesktop: no screen sharing any more."""

from devices.protocol.commands.requirements import Needs
from devices.protocol.commands.table import CommandType, Kind
from devices.protocol.platform import MACOS

DISABLE_REMOTE_DESKTOP = CommandType(
    "DisableRemoteDesktop",
    "Disable remote desktop",
    Kind.SCREEN,
    {MACOS: Needs("10.14.4", supervised=True)},
    is_unique=True,
)
