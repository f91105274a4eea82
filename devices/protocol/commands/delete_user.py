"""DeleteUser: an account of a Mac or a person on a Shared iPad, with their data."""

from devices.errors import ChoiceInvalid
from devices.protocol.commands.parameters import FLAG, TEXT, Parameter
from devices.protocol.commands.requirements import REQUIRED, Needs
from devices.protocol.commands.table import ADMINISTRATOR, Body, CommandType, Kind
from devices.protocol.platform import IOS, MACOS


def build_delete_user(
    *, user_name: str = "", force_deletion: bool = False, delete_all_users: bool = False
) -> Body:
    """One user by name, or all of a Shared iPad; Apple user.delete."""
    if bool(user_name) == delete_all_users:
        raise ChoiceInvalid(
            "exactly one of an account name and all users",
            parameters=("user_name", "delete_all_users"),
        )
    body: Body = {"RequestType": "DeleteUser"}
    if user_name:
        body["UserName"] = user_name
    if delete_all_users:
        body["DeleteAllUsers"] = True
    if force_deletion:
        body["ForceDeletion"] = True
    return body


DELETE_USER = CommandType(
    "DeleteUser",
    "Delete a user",
    Kind.USERS,
    {IOS: Needs("9.3", shared_ipad=REQUIRED), MACOS: Needs("10.13", supervised=True)},
    (
        Parameter("user_name", "UserName", TEXT, "Account name"),
        Parameter(
            "force_deletion",
            "ForceDeletion",
            FLAG,
            "Even if data is not synchronised",
            on={MACOS: None},
        ),
        Parameter(
            "delete_all_users", "DeleteAllUsers", FLAG, "All users", on={IOS: "14.0", MACOS: None}
        ),
    ),
    build_delete_user,
    is_destructive=True,
    minimum_role=ADMINISTRATOR,
)
