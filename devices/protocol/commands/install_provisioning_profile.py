"""InstallProvisioningProfile: what an in-house app needs to start."""

from devices.protocol.access_rights import MANAGE_PROVISIONING
from devices.protocol.commands.parameters import DATA, Parameter
from devices.protocol.commands.requirements import Needs
from devices.protocol.commands.table import ADMINISTRATOR, CommandType, Kind
from devices.protocol.platform import IOS, MACOS

INSTALL_PROVISIONING_PROFILE = CommandType(
    "InstallProvisioningProfile",
    "Install a provisioning profile",
    Kind.PROFILES,
    {IOS: Needs("4.0", MANAGE_PROVISIONING), MACOS: Needs("11.0")},
    (
        Parameter(
            "provisioning_profile",
            "ProvisioningProfile",
            DATA,
            "Provisioning profile",
            "A .mobileprovision file.",
            required=True,
        ),
    ),
    minimum_role=ADMINISTRATOR,
)
