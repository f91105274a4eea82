"""ProvisioningProfileList: the provisioning profiles of in-house apps."""

from devices.protocol.access_rights import INSPECT_PROVISIONING
from devices.protocol.commands.parameters import FLAG, Parameter
from devices.protocol.commands.requirements import Needs
from devices.protocol.commands.table import CommandType, Kind
from devices.protocol.platform import IOS, MACOS

PROVISIONING_PROFILE_LIST = CommandType(
    "ProvisioningProfileList",
    "Ask for its provisioning profiles",
    Kind.INFORMATION,
    {IOS: Needs("4.0", INSPECT_PROVISIONING), MACOS: Needs("11.0")},
    (Parameter("managed_only", "ManagedOnly", FLAG, "Only managed ones", on={IOS: "13.0"}),),
    is_unique=True,
)
