"""InstallMedia: a book of the store, or one from an https URL."""

from functools import partial
from typing import Any

from devices.errors import ChoiceInvalid
from devices.protocol.access_rights import MANAGE_APPS
from devices.protocol.commands.address import check_address
from devices.protocol.commands.parameters import INTEGER, TEXT, Parameter
from devices.protocol.commands.requirements import USER_CHANNEL, Needs
from devices.protocol.commands.table import Body, CommandType, Kind
from devices.protocol.platform import IOS, MACOS

NO_MAC: dict[str, str | None] = {MACOS: None}
KEYS = {
    "itunes_store_id": "iTunesStoreID",
    "media_url": "MediaURL",
    "persistent_id": "PersistentID",
    "format": "Kind",
    "version": "Version",
    "author": "Author",
    "title": "Title",
}


def build_install_media(*, media_type: str, **facts: Any) -> Body:
    """Exactly one of a number in the store and an https URL; Apple media.install."""
    if ("itunes_store_id" in facts) == ("media_url" in facts):
        raise ChoiceInvalid(
            "exactly one of a number in the store and a URL",
            parameters=("itunes_store_id", "media_url"),
        )
    named = {KEYS[name]: value for name, value in facts.items()}
    return {"RequestType": "InstallMedia", "MediaType": media_type, **named}


INSTALL_MEDIA = CommandType(
    "InstallMedia",
    "Install a book",
    Kind.APPS,
    {IOS: Needs("8.0", MANAGE_APPS), MACOS: Needs("10.9", MANAGE_APPS, channel=USER_CHANNEL)},
    (
        Parameter(
            "media_type", "MediaType", TEXT, "Type", required=True, choices=(("Book", "Book"),)
        ),
        Parameter("itunes_store_id", "iTunesStoreID", INTEGER, "Number in the store"),
        Parameter(
            "media_url",
            "MediaURL",
            TEXT,
            "URL",
            "https; instead of a number.",
            on=NO_MAC,
            check=partial(check_address, of="book"),
        ),
        Parameter(
            "persistent_id",
            "PersistentID",
            TEXT,
            "Persistent identifier",
            "Of a book from a URL; the same one updates it.",
            on=NO_MAC,
        ),
        Parameter(
            "format",
            "Kind",
            TEXT,
            "Format",
            on=NO_MAC,
            choices=(("pdf", "PDF"), ("epub", "EPUB"), ("ibooks", "iBooks Author")),
        ),
        Parameter("version", "Version", TEXT, "Version", on=NO_MAC),
        Parameter("author", "Author", TEXT, "Author", on=NO_MAC),
        Parameter("title", "Title", TEXT, "Title", on=NO_MAC),
    ),
    build_install_media,
)
