"""ManagedApplicationAttributes: what managed apps have been told of VPNs and domains."""

from devices.protocol.access_rights import MANAGE_APPS
from devices.protocol.commands.parameters import TEXTS, Parameter
from devices.protocol.commands.requirements import Needs
from devices.protocol.commands.table import CommandType, Kind
from devices.protocol.platform import IOS

MANAGED_APPLICATION_ATTRIBUTES = CommandType(
    "ManagedApplicationAttributes",
    "Ask for attributes of managed apps",
    Kind.APPS,
    {IOS: Needs("7.0", MANAGE_APPS)},
    (
        Parameter(
            "identifiers", "Identifiers", TEXTS, "Bundle identifiers", "One a line.", required=True
        ),
    ),
)
