"""ScheduleOSUpdateScan: a Mac looks for updates in the background."""

from devices.protocol.commands.parameters import FLAG, Parameter
from devices.protocol.commands.requirements import Needs
from devices.protocol.commands.table import CommandType, Kind
from devices.protocol.platform import MACOS

SCHEDULE_OS_UPDATE_SCAN = CommandType(
    "ScheduleOSUpdateScan",
    "Look for updates",
    Kind.UPDATES,
    {MACOS: Needs("10.11", supervised=True)},
    (Parameter("force", "Force", FLAG, "Even if it has just looked"),),
    is_unique=True,
)
