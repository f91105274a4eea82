"""RemoveApplication: a managed app and its data."""

from devices.errors import CommandInvalid
from devices.protocol.access_rights import MANAGE_APPS
from devices.protocol.commands.parameters import TEXT, Parameter
from devices.protocol.commands.requirements import Needs
from devices.protocol.commands.table import Body, CommandType, Kind
from devices.protocol.platform import IOS, MACOS


def build_remove_application(identifier: str) -> Body:
    """`identifier` is the bundle identifier; Apple application.remove."""
    if not identifier:
        raise CommandInvalid("an app without an identifier")
    return {"RequestType": "RemoveApplication", "Identifier": identifier}


REMOVE_APPLICATION = CommandType(
    "RemoveApplication",
    "Remove an app",
    Kind.APPS,
    {IOS: Needs("5.0", MANAGE_APPS), MACOS: Needs("11.0", MANAGE_APPS)},
    (Parameter("identifier", "Identifier", TEXT, "Bundle identifier", required=True),),
    build_remove_application,
)
