"""ClearActivationLockBypassCode: the device forgets it; the one kept here stays."""

from devices.protocol.commands.requirements import FORBIDDEN, Needs
from devices.protocol.commands.table import ADMINISTRATOR, CommandType, Kind
from devices.protocol.platform import IOS, MACOS

CLEAR_ACTIVATION_LOCK_BYPASS_CODE = CommandType(
    "ClearActivationLockBypassCode",
    "Clear the Activation Lock bypass code",
    Kind.SECURITY,
    {
        IOS: Needs("7.1", supervised=True, shared_ipad=FORBIDDEN),
        MACOS: Needs("10.15", supervised=True),
    },
    minimum_role=ADMINISTRATOR,
    is_unique=True,
)
