"""ShutDownDevice: supervised iPhones and iPads, and every Mac."""

from devices.protocol.access_rights import LOCK
from devices.protocol.commands.requirements import Needs
from devices.protocol.commands.table import CommandType, Kind
from devices.protocol.platform import IOS, MACOS

SHUT_DOWN_DEVICE = CommandType(
    "ShutDownDevice",
    "Shut down",
    Kind.POWER,
    {IOS: Needs("10.3", LOCK, supervised=True), MACOS: Needs("10.13", LOCK)},
    note="Nobody can wake it from here: somebody has to press its button.",
    is_unique=True,
)
