"""LogOutUser: whoever uses the Shared iPad."""

from devices.protocol.commands.requirements import REQUIRED, Needs
from devices.protocol.commands.table import CommandType, Kind
from devices.protocol.platform import IOS

LOG_OUT_USER = CommandType(
    "LogOutUser",
    "Log out the user",
    Kind.USERS,
    {IOS: Needs("9.3", shared_ipad=REQUIRED)},
    is_unique=True,
)
