"""Restrictions: what profiles forbid on an iPhone or iPad, all together."""

from devices.protocol.access_rights import QUERY_RESTRICTIONS
from devices.protocol.commands.parameters import FLAG, Parameter
from devices.protocol.commands.requirements import Needs
from devices.protocol.commands.table import CommandType, Kind
from devices.protocol.platform import IOS

RESTRICTIONS = CommandType(
    "Restrictions",
    "Ask for its restrictions",
    Kind.INFORMATION,
    {IOS: Needs("4.0", QUERY_RESTRICTIONS)},
    (Parameter("profile_restrictions", "ProfileRestrictions", FLAG, "Also by profile"),),
    is_unique=True,
)
