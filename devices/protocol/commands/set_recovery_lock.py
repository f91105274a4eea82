"""SetRecoveryLock: who opens the recovery of a Mac must know a password."""

from devices.protocol.access_rights import LOCK
from devices.protocol.commands.kept_passwords import CURRENT_PASSWORD, NEW_PASSWORD
from devices.protocol.commands.parameters import FLAG, Parameter
from devices.protocol.commands.requirements import APPLE_SILICON, Needs
from devices.protocol.commands.table import ADMINISTRATOR, CommandType, Kind
from devices.protocol.platform import MACOS

SET_RECOVERY_LOCK = CommandType(
    "SetRecoveryLock",
    "Set the recovery lock",
    Kind.SECURITY,
    {MACOS: Needs("11.5", LOCK, chip=APPLE_SILICON)},
    (
        CURRENT_PASSWORD,
        NEW_PASSWORD,
        Parameter("remove", "", FLAG, "Remove the lock"),
    ),
    minimum_role=ADMINISTRATOR,
    is_unique=True,
)
