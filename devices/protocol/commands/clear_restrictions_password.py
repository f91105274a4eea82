"""ClearRestrictionsPassword: the Screen Time passcode is forgotten."""

from devices.protocol.commands.requirements import FORBIDDEN, Needs
from devices.protocol.commands.table import CommandType, Kind
from devices.protocol.platform import IOS

CLEAR_RESTRICTIONS_PASSWORD = CommandType(
    "ClearRestrictionsPassword",
    "Clear the Screen Time passcode",
    Kind.SECURITY,
    {IOS: Needs("8.0", supervised=True, shared_ipad=FORBIDDEN)},
    is_unique=True,
)
