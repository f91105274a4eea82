"""SetRecoveryLock: who opens the recovery of a Mac must know a password."""

from devices.protocol.access_rights import LOCK
from devices.protocol.commands.parameters import FLAG, SECRET, Parameter
from devices.protocol.commands.requirements import APPLE_SILICON, Needs
from devices.protocol.commands.table import ADMINISTRATOR, CommandType, Kind
from devices.protocol.platform import MACOS

SET_RECOVERY_LOCK = CommandType(
    "SetRecoveryLock",
    "Set the recovery lock",
    Kind.SECURITY,
    {MACOS: Needs("11.5", LOCK, chip=APPLE_SILICON)},
    (
        Parameter(
            "current_password",
            "CurrentPassword",
            SECRET,
            "Current password",
            "Empty: the one that is kept here.",
        ),
        Parameter(
            "new_password",
            "NewPassword",
            SECRET,
            "New password",
            "Empty: a random one is made. It is kept sealed.",
            required=True,
            is_made=True,
        ),
        Parameter("remove", "", FLAG, "Remove the lock"),
    ),
    minimum_role=ADMINISTRATOR,
    is_unique=True,
)
