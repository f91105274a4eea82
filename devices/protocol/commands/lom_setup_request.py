"""LOMSetupRequest: the addresses for lights-out management of a Mac."""

from devices.protocol.access_rights import LOCK
from devices.protocol.commands.requirements import Needs
from devices.protocol.commands.table import CommandType, Kind
from devices.protocol.platform import MACOS

LOM_SETUP_REQUEST = CommandType(
    "LOMSetupRequest",
    "Ask for lights-out addresses",
    Kind.POWER,
    {MACOS: Needs("11.0", LOCK)},
    is_unique=True,
)
