"""ContentCachingInformation: how the content cache of a Mac does."""

from devices.protocol.access_rights import QUERY_NETWORK
from devices.protocol.commands.requirements import Needs
from devices.protocol.commands.table import CommandType, Kind
from devices.protocol.platform import MACOS

CONTENT_CACHING_INFORMATION = CommandType(
    "ContentCachingInformation",
    "Ask for its content cache",
    Kind.INFORMATION,
    {MACOS: Needs("10.15.4", QUERY_NETWORK)},
    is_unique=True,
)
