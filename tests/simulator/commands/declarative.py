"""DeclarativeManagement: acknowledged at once, and followed when the connection is over."""

from typing import TYPE_CHECKING

from ..profile_check import Plist
from .outcome import malformed

if TYPE_CHECKING:
    from ..device import SimulatedDevice


def declarative_management(device: "SimulatedDevice", command: Plist) -> Plist:
    """Data, where it is given, holds the server's SyncTokens."""
    data = command.get("Data", b"")
    if not isinstance(data, bytes):
        raise malformed("DeclarativeManagement needs Data as bytes")
    device.declarations_due = data
    return {}
