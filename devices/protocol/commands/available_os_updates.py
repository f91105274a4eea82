"""AvailableOSUpdates: what the device could install, after its own look."""

from devices.protocol.access_rights import MANAGE_APPS
from devices.protocol.commands.requirements import Needs
from devices.protocol.commands.table import CommandType, Kind
from devices.protocol.platform import IOS, MACOS

AVAILABLE_OS_UPDATES = CommandType(
    "AvailableOSUpdates",
    "Ask for available updates",
    Kind.UPDATES,
    {IOS: Needs("9.0", MANAGE_APPS, supervised=True), MACOS: Needs("10.11")},
    is_unique=True,
)
