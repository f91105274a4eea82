"""DisableLostMode: the iPhone or iPad is usable again."""

from devices.protocol.commands.requirements import Needs
from devices.protocol.commands.table import CommandType, Kind
from devices.protocol.platform import IOS

DISABLE_LOST_MODE = CommandType(
    "DisableLostMode",
    "Disable lost mode",
    Kind.LOST_MODE,
    {IOS: Needs("9.3", supervised=True)},
    is_unique=True,
)
