"""UserList: the accounts of a Mac, or the people on a Shared iPad."""

from devices.protocol.commands.requirements import REQUIRED, Needs
from devices.protocol.commands.table import Body, CommandType, Kind
from devices.protocol.platform import IOS, MACOS

USER_LIST = CommandType(
    "UserList",
    "Ask for its users",
    Kind.USERS,
    {IOS: Needs("9.3", shared_ipad=REQUIRED), MACOS: Needs("10.13", supervised=True)},
    is_unique=True,
)


def build_user_list() -> Body:
    """Apple user.list; it has no parameters."""
    return {"RequestType": "UserList"}
