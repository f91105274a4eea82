"""RestartDevice: supervised iPhones and iPads, and every Mac."""

from devices.protocol.access_rights import LOCK
from devices.protocol.commands.parameters import FLAG, TEXTS, Parameter
from devices.protocol.commands.requirements import Needs
from devices.protocol.commands.table import CommandType, Kind
from devices.protocol.platform import IOS, MACOS

RESTART_DEVICE = CommandType(
    "RestartDevice",
    "Restart",
    Kind.POWER,
    {IOS: Needs("10.3", LOCK, supervised=True), MACOS: Needs("10.13", LOCK)},
    (
        Parameter(
            "notify_user",
            "NotifyUser",
            FLAG,
            "Let the user restart when it suits",
            on={IOS: None, MACOS: "11.4"},
        ),
        Parameter(
            "rebuild_kernel_cache",
            "RebuildKernelCache",
            FLAG,
            "Rebuild the kernel cache",
            on={IOS: None, MACOS: "11.0"},
        ),
        Parameter(
            "kext_paths",
            "KextPaths",
            TEXTS,
            "Kernel extensions for the cache",
            "Paths, one a line.",
            on={IOS: None, MACOS: "11.0"},
        ),
    ),
    note=(
        "Unsaved work on the device may be lost. A locked iPhone or iPad needs its passcode "
        "before it is on the network again."
    ),
    is_unique=True,
)
