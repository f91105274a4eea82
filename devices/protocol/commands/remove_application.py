"""RemoveApplication: a managed app and its data."""

from devices.errors import CommandInvalid
from devices.protocol.commands.table import Body


def build_remove_application(identifier: str) -> Body:
    """`identifier` is the bundle identifier; Apple application.remove."""
    if not identifier:
        raise CommandInvalid("an app without an identifier")
    return {"RequestType": "RemoveApplication", "Identifier": identifier}
