"""RequestUnlockToken: iOS before 7 hands over a new unlock token."""

from devices.protocol.commands.requirements import FORBIDDEN, Needs
from devices.protocol.commands.table import ADMINISTRATOR, CommandType, Kind
from devices.protocol.platform import IOS

REQUEST_UNLOCK_TOKEN = CommandType(
    "RequestUnlockToken",
    "Ask for an unlock token",
    Kind.SECURITY,
    {IOS: Needs("5.0", supervised=True, shared_ipad=FORBIDDEN)},
    note="Only iOS before 7 answers; later systems hand over the token when they enroll.",
    minimum_role=ADMINISTRATOR,
    is_unique=True,
)
