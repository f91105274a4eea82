"""RemoveProfile: takes away what InstallProfile has brought."""

from devices.errors import CommandInvalid
from devices.protocol.commands.table import Body


def build_remove_profile(identifier: str) -> Body:
    """`identifier` is the PayloadIdentifier; Apple profile.remove."""
    if not identifier:
        raise CommandInvalid("a profile without an identifier")
    return {"RequestType": "RemoveProfile", "Identifier": identifier}
