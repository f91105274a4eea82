"""VerifyRecoveryLock: is the recovery password still this one?"""

from devices.protocol.access_rights import LOCK
from devices.protocol.commands.kept_passwords import PASSWORD
from devices.protocol.commands.requirements import APPLE_SILICON, Needs
from devices.protocol.commands.table import ADMINISTRATOR, CommandType, Kind
from devices.protocol.platform import MACOS

VERIFY_RECOVERY_LOCK = CommandType(
    "VerifyRecoveryLock",
    "Verify the recovery lock",
    Kind.SECURITY,
    {MACOS: Needs("11.5", LOCK, chip=APPLE_SILICON)},
    (PASSWORD,),
    minimum_role=ADMINISTRATOR,
    is_unique=True,
)
