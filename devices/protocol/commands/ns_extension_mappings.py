"""NSExtensionMappings: which extensions a Mac has for a user."""

from devices.protocol.access_rights import QUERY_APPS
from devices.protocol.commands.requirements import USER_CHANNEL, Needs
from devices.protocol.commands.table import CommandType, Kind
from devices.protocol.platform import MACOS

NS_EXTENSION_MAPPINGS = CommandType(
    "NSExtensionMappings",
    "Ask for installed extensions",
    Kind.INFORMATION,
    {MACOS: Needs("10.13", QUERY_APPS, channel=USER_CHANNEL)},
    is_unique=True,
)
