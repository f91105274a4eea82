"""RemoveMedia: a book that this server has installed."""

from devices.protocol.commands.parameters import TEXT, Parameter
from devices.protocol.commands.requirements import MANAGE_APPS, Needs
from devices.protocol.commands.table import CommandType, Kind
from devices.protocol.platform import IOS

REMOVE_MEDIA = CommandType(
    "RemoveMedia",
    "Remove a book",
    Kind.APPS,
    {IOS: Needs("8.0", MANAGE_APPS)},
    (
        Parameter(
            "media_type", "MediaType", TEXT, "Type", required=True, choices=(("Book", "Book"),)
        ),
        Parameter("itunes_store_id", "iTunesStoreID", TEXT, "Number in the store"),
        Parameter("persistent_id", "PersistentID", TEXT, "Persistent identifier"),
    ),
)
