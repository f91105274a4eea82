"""ValidateApplications: the device checks that in-house apps may still start."""

from devices.protocol.access_rights import MANAGE_APPS
from devices.protocol.commands.parameters import TEXTS, Parameter
from devices.protocol.commands.requirements import Needs
from devices.protocol.commands.table import CommandType, Kind
from devices.protocol.platform import IOS

VALIDATE_APPLICATIONS = CommandType(
    "ValidateApplications",
    "Validate in-house apps",
    Kind.APPS,
    {IOS: Needs("9.2", MANAGE_APPS)},
    (
        Parameter(
            "identifiers", "Identifiers", TEXTS, "Bundle identifiers", "One a line; none: all."
        ),
    ),
)
