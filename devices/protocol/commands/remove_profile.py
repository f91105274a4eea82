"""RemoveProfile: takes away what InstallProfile has brought."""

from devices.errors import CommandInvalid
from devices.protocol.access_rights import MANAGE_PROFILES
from devices.protocol.commands.parameters import TEXT, Parameter
from devices.protocol.commands.requirements import Needs
from devices.protocol.commands.table import ADMINISTRATOR, Body, CommandType, Kind
from devices.protocol.platform import IOS, MACOS


def build_remove_profile(identifier: str) -> Body:
    """`identifier` is the PayloadIdentifier; Apple profile.remove."""
    if not identifier:
        raise CommandInvalid("a profile without an identifier")
    return {"RequestType": "RemoveProfile", "Identifier": identifier}


REMOVE_PROFILE = CommandType(
    "RemoveProfile",
    "Remove a profile",
    Kind.PROFILES,
    {IOS: Needs("4.0", MANAGE_PROFILES), MACOS: Needs("10.7", MANAGE_PROFILES)},
    (Parameter("identifier", "Identifier", TEXT, "Identifier of the profile", required=True),),
    build_remove_profile,
    minimum_role=ADMINISTRATOR,
)
