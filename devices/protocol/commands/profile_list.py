"""ProfileList: which configuration profiles the device has."""

from devices.protocol.access_rights import INSPECT
from devices.protocol.commands.parameters import FLAG, Parameter
from devices.protocol.commands.requirements import Needs
from devices.protocol.commands.table import Body, CommandType, Kind
from devices.protocol.platform import IOS, MACOS


def build_profile_list(*, managed_only: bool = False) -> Body:
    """Apple profile.list. ManagedOnly only where asked: systems before iOS 13 do not know it."""
    body: Body = {"RequestType": "ProfileList"}
    return body | {"ManagedOnly": True} if managed_only else body


PROFILE_LIST = CommandType(
    "ProfileList",
    "Ask for its profiles",
    Kind.INFORMATION,
    {IOS: Needs("4.0", INSPECT), MACOS: Needs("10.7", INSPECT)},
    (
        Parameter(
            "managed_only",
            "ManagedOnly",
            FLAG,
            "Only managed ones",
            on={IOS: "13.0", MACOS: "10.15"},
        ),
    ),
    build_profile_list,
    is_unique=True,
)
