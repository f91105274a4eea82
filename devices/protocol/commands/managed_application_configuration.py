"""ManagedApplicationConfiguration: what apps have been configured with, as the device holds it."""

from collections.abc import Sequence

from devices.errors import CommandInvalid
from devices.protocol.access_rights import MANAGE_APPS
from devices.protocol.commands.parameters import TEXTS, Parameter
from devices.protocol.commands.requirements import Needs
from devices.protocol.commands.table import Body, CommandType, Kind
from devices.protocol.platform import IOS, MACOS


def build_managed_application_configuration(*, identifiers: Sequence[str]) -> Body:
    """Ask for the configurations of these apps (bundle identifiers, at least one)."""
    if not identifiers:
        raise CommandInvalid("whose configuration? At least one bundle identifier")
    return {"RequestType": "ManagedApplicationConfiguration", "Identifiers": list(identifiers)}


MANAGED_APPLICATION_CONFIGURATION = CommandType(
    "ManagedApplicationConfiguration",
    "Ask what apps are configured with",
    Kind.APPS,
    {IOS: Needs("7.0", MANAGE_APPS), MACOS: Needs("10.15", MANAGE_APPS)},
    (
        Parameter(
            "identifiers",
            "Identifiers",
            TEXTS,
            "Bundle identifiers",
            "One a line.",
            required=True,
        ),
    ),
    build_managed_application_configuration,
)
