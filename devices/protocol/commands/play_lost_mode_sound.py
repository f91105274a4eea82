"""PlayLostModeSound: for two minutes, while in lost mode."""

from devices.protocol.commands.requirements import Needs
from devices.protocol.commands.table import CommandType, Kind
from devices.protocol.platform import IOS

PLAY_LOST_MODE_SOUND = CommandType(
    "PlayLostModeSound",
    "Play a sound",
    Kind.LOST_MODE,
    {IOS: Needs("10.3", supervised=True)},
    is_unique=True,
)
