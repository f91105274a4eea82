"""RemoveProvisioningProfile: the apps that it was for start no more."""

from devices.protocol.access_rights import MANAGE_PROVISIONING
from devices.protocol.commands.parameters import TEXT, Parameter
from devices.protocol.commands.requirements import Needs
from devices.protocol.commands.table import ADMINISTRATOR, CommandType, Kind
from devices.protocol.platform import IOS, MACOS

REMOVE_PROVISIONING_PROFILE = CommandType(
    "RemoveProvisioningProfile",
    "Remove a provisioning profile",
    Kind.PROFILES,
    {IOS: Needs("4.0", MANAGE_PROVISIONING), MACOS: Needs("11.0")},
    (Parameter("uuid", "UUID", TEXT, "UUID of the provisioning profile", required=True),),
    minimum_role=ADMINISTRATOR,
)
