"""ActiveNSExtensions: the extensions that a user of a Mac has active."""

from devices.protocol.access_rights import QUERY_APPS
from devices.protocol.commands.parameters import TEXTS, Parameter
from devices.protocol.commands.requirements import USER_CHANNEL, Needs
from devices.protocol.commands.table import CommandType, Kind
from devices.protocol.platform import MACOS

ACTIVE_NS_EXTENSIONS = CommandType(
    "ActiveNSExtensions",
    "Ask for active extensions",
    Kind.INFORMATION,
    {MACOS: Needs("10.13", QUERY_APPS, channel=USER_CHANNEL)},
    (
        Parameter(
            "filter_extension_points",
            "FilterExtensionPoints",
            TEXTS,
            "Extension points",
            "One a line; none: all.",
        ),
    ),
    is_unique=True,
)
