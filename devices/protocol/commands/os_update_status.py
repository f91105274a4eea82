"""OSUpdateStatus: how far a scheduled update is."""

from devices.protocol.access_rights import MANAGE_APPS
from devices.protocol.commands.requirements import Needs
from devices.protocol.commands.table import CommandType, Kind
from devices.protocol.platform import IOS, MACOS

OS_UPDATE_STATUS = CommandType(
    "OSUpdateStatus",
    "Ask how far its update is",
    Kind.UPDATES,
    {IOS: Needs("9.0", MANAGE_APPS, supervised=True), MACOS: Needs("10.11.5", supervised=True)},
    is_unique=True,
)
