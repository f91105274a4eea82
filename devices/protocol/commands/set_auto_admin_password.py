"""SetAutoAdminPassword: another password for the administrator that Setup Assistant made."""

from devices.protocol.commands.parameters import SECRET, TEXT, Parameter
from devices.protocol.commands.password import hash_password
from devices.protocol.commands.requirements import Needs
from devices.protocol.commands.table import ADMINISTRATOR, Body, CommandType, Kind
from devices.protocol.platform import MACOS


def build_set_auto_admin_password(*, guid: str, password: str) -> Body:
    """The Mac gets a salted hash, never the password; Apple set.auto.admin.password."""
    hashed = hash_password(password)
    return {"RequestType": "SetAutoAdminPassword", "GUID": guid, "passwordHash": hashed}


SET_AUTO_ADMIN_PASSWORD = CommandType(
    "SetAutoAdminPassword",
    "Set the administrator's password",
    Kind.USERS,
    {MACOS: Needs("10.11", automated=True)},
    (
        Parameter(
            "guid",
            "GUID",
            TEXT,
            "GUID of the account",
            "AutoSetupAdminAccounts of DeviceInformation names it.",
            required=True,
        ),
        Parameter(
            "password",
            "",
            SECRET,
            "New password",
            "Empty: a random one is made. It is kept sealed.",
            required=True,
            is_made=True,
        ),
    ),
    build_set_auto_admin_password,
    minimum_role=ADMINISTRATOR,
)
