"""SecurityInfo: passcode, encryption and firewall of the device."""

from devices.protocol.commands.table import Body


def build_security_info() -> Body:
    """Apple security.info; it has no parameters."""
    return {"RequestType": "SecurityInfo"}
