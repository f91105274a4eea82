"""ClearPasscode: an iPhone or iPad without its passcode, until the user sets another."""

from devices.protocol.access_rights import LOCK
from devices.protocol.commands.parameters import DATA, Parameter
from devices.protocol.commands.requirements import FORBIDDEN, Needs
from devices.protocol.commands.table import ADMINISTRATOR, OUTRANKING, CommandType, Kind
from devices.protocol.platform import IOS

CLEAR_PASSCODE = CommandType(
    "ClearPasscode",
    "Clear the passcode",
    Kind.SECURITY,
    {IOS: Needs("4.0", LOCK, shared_ipad=FORBIDDEN)},
    (
        Parameter(
            "unlock_token", "UnlockToken", DATA, "Unlock token", required=True, is_supplied=True
        ),
    ),
    note="Whoever holds the device gets in, until a profile has the user set another passcode.",
    needs_unlock_token=True,
    is_destructive=True,
    is_unique=True,
    minimum_role=ADMINISTRATOR,
    priority=OUTRANKING,
)
