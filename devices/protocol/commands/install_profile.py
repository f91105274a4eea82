"""InstallProfile: the same PayloadIdentifier again updates in place."""

from devices.errors import CommandInvalid
from devices.protocol.commands.table import Body


def build_install_profile(payload: bytes) -> Body:
    """`payload` is a .mobileconfig, signed or not; Apple profile.install."""
    if not payload:
        raise CommandInvalid("a profile without a byte")
    return {"RequestType": "InstallProfile", "Payload": payload}
