"""RestartDevice: supervised iPhones and iPads, and every Mac."""

from devices.protocol.commands.table import Body


def build_restart_device() -> Body:
    """Apple device.restart, without the Mac's kernel cache options."""
    return {"RequestType": "RestartDevice"}
