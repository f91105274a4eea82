"""UnlockUserAccount: an account of a Mac with too many wrong passwords."""

from devices.protocol.access_rights import LOCK
from devices.protocol.commands.parameters import TEXT, Parameter
from devices.protocol.commands.requirements import Needs
from devices.protocol.commands.table import CommandType, Kind
from devices.protocol.platform import MACOS

UNLOCK_USER_ACCOUNT = CommandType(
    "UnlockUserAccount",
    "Unlock a user account",
    Kind.USERS,
    {MACOS: Needs("10.13", LOCK)},
    (Parameter("user_name", "UserName", TEXT, "Account name", required=True),),
)
