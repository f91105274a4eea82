"""RemoveMedia: a book that this server has installed."""

from typing import Any

from devices.errors import ChoiceInvalid
from devices.protocol.access_rights import MANAGE_APPS
from devices.protocol.commands.parameters import TEXT, Parameter
from devices.protocol.commands.requirements import Needs
from devices.protocol.commands.table import Body, CommandType, Kind
from devices.protocol.platform import IOS

KEYS = {"itunes_store_id": "iTunesStoreID", "persistent_id": "PersistentID"}


def build_remove_media(*, media_type: str, **named: Any) -> Body:
    """Exactly one of a number in the store and a persistent identifier; Apple media.remove."""
    if len(named) != 1:
        raise ChoiceInvalid(
            "exactly one of a number in the store and a persistent identifier", parameters=KEYS
        )
    identified = {KEYS[name]: value for name, value in named.items()}
    return {"RequestType": "RemoveMedia", "MediaType": media_type, **identified}


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
    build_remove_media,
)
