"""DeviceLocation: where an iPhone or iPad in lost mode is."""

from devices.protocol.commands.requirements import Needs
from devices.protocol.commands.table import ADMINISTRATOR, CommandType, Kind
from devices.protocol.platform import IOS

DEVICE_LOCATION = CommandType(
    "DeviceLocation",
    "Ask where it is",
    Kind.LOST_MODE,
    {IOS: Needs("9.3", supervised=True)},
    note=(
        "The device answers only in lost mode. The location is kept sealed; who reveals it is "
        "noted in the audit log."
    ),
    minimum_role=ADMINISTRATOR,
    is_unique=True,
)
