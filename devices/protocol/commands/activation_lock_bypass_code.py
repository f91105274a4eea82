"""ActivationLockBypassCode: what opens the Activation Lock without the Apple Account."""

from devices.protocol.commands.requirements import FORBIDDEN, Needs
from devices.protocol.commands.table import ADMINISTRATOR, CommandType, Kind
from devices.protocol.platform import IOS, MACOS

ACTIVATION_LOCK_BYPASS_CODE = CommandType(
    "ActivationLockBypassCode",
    "Ask for the Activation Lock bypass code",
    Kind.SECURITY,
    {
        IOS: Needs("7.1", supervised=True, shared_ipad=FORBIDDEN),
        MACOS: Needs("10.15", supervised=True),
    },
    note="The code is kept sealed. The device gives it for 15 days after it became supervised.",
    minimum_role=ADMINISTRATOR,
    is_unique=True,
)
