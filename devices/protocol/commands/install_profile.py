"""InstallProfile: the same PayloadIdentifier again updates in place."""

from devices.errors import CommandInvalid
from devices.protocol.access_rights import MANAGE_PROFILES
from devices.protocol.commands.parameters import DATA, Parameter
from devices.protocol.commands.requirements import Needs
from devices.protocol.commands.table import ADMINISTRATOR, Body, CommandType, Kind
from devices.protocol.platform import IOS, MACOS
from devices.protocol.profile_file import check_profile


def build_install_profile(payload: bytes) -> Body:
    """`payload` is a .mobileconfig, signed or not; Apple profile.install."""
    if not payload:
        raise CommandInvalid("a profile without a byte")
    return {"RequestType": "InstallProfile", "Payload": payload}


INSTALL_PROFILE = CommandType(
    "InstallProfile",
    "Install a profile",
    Kind.PROFILES,
    {IOS: Needs("4.0", MANAGE_PROFILES), MACOS: Needs("10.7", MANAGE_PROFILES)},
    (
        Parameter(
            "payload",
            "Payload",
            DATA,
            "Profile",
            "A .mobileconfig file, signed or not.",
            required=True,
            check=check_profile,
        ),
    ),
    build_install_profile,
    minimum_role=ADMINISTRATOR,
)
