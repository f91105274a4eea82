"""ManagedMediaList: the books that this server has installed."""

from devices.protocol.access_rights import MANAGE_APPS
from devices.protocol.commands.requirements import Needs
from devices.protocol.commands.table import CommandType, Kind
from devices.protocol.platform import IOS

MANAGED_MEDIA_LIST = CommandType(
    "ManagedMediaList",
    "Ask for its managed books",
    Kind.INFORMATION,
    {IOS: Needs("8.0", MANAGE_APPS)},
    is_unique=True,
)
