"""ManagedApplicationConfiguration: what apps have been configured with, as the device holds it."""

from collections.abc import Sequence

from devices.errors import CommandInvalid
from devices.protocol.commands.table import Body


def build_managed_application_configuration(*, identifiers: Sequence[str]) -> Body:
    """Ask for the configurations of these apps (bundle identifiers, at least one)."""
    if not identifiers:
        raise CommandInvalid("whose configuration? At least one bundle identifier")
    return {"RequestType": "ManagedApplicationConfiguration", "Identifiers": list(identifiers)}
