"""DeclarativeManagement: the device fetches its declarations by check-in."""

from devices.protocol.commands.parameters import DATA, Parameter
from devices.protocol.commands.requirements import Needs
from devices.protocol.commands.table import CommandType, Kind
from devices.protocol.platform import IOS, MACOS

DECLARATIVE_MANAGEMENT = CommandType(
    "DeclarativeManagement",
    "Synchronise declarations",
    Kind.SETTINGS,
    {IOS: Needs("15.0"), MACOS: Needs("13.0")},
    (Parameter("data", "Data", DATA, "Tokens", "JSON; none: the device asks for them."),),
    is_unique=True,
)
