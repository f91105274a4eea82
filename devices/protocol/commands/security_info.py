"""SecurityInfo: passcode, encryption and firewall of the device."""

from devices.protocol.access_rights import QUERY_SECURITY
from devices.protocol.commands.requirements import Needs
from devices.protocol.commands.table import Body, CommandType, Kind
from devices.protocol.platform import IOS, MACOS


def build_security_info() -> Body:
    """Apple security.info; it has no parameters."""
    return {"RequestType": "SecurityInfo"}


SECURITY_INFO = CommandType(
    "SecurityInfo",
    "Ask for its security",
    Kind.INFORMATION,
    {IOS: Needs("4.0", QUERY_SECURITY), MACOS: Needs("10.7", QUERY_SECURITY)},
    build=build_security_info,
    is_unique=True,
)
