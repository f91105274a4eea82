"""ScheduleOSUpdate: one update of the system, now or when the user likes."""

from devices.protocol.access_rights import MANAGE_APPS
from devices.protocol.commands.parameters import INTEGER, TEXT, Parameter
from devices.protocol.commands.requirements import Needs
from devices.protocol.commands.table import CommandType, Kind
from devices.protocol.platform import IOS, MACOS

ACTIONS = (
    ("Default", "Download or install, whichever is next"),
    ("DownloadOnly", "Download only"),
    ("InstallASAP", "Install as soon as possible"),
    ("NotifyOnly", "Download and tell the user"),
    ("InstallLater", "Install later"),
    ("InstallForceRestart", "Install and force a restart"),
)
# Apple's schema has one list for all platforms; which of them knows what stands in the text beside.
ACTIONS_ON: dict[str | int, dict[str, str | None]] = {
    "NotifyOnly": {IOS: None},
    "InstallLater": {IOS: None},
    "InstallForceRestart": {IOS: None, MACOS: "11.0"},
}

SCHEDULE_OS_UPDATE = CommandType(
    "ScheduleOSUpdate",
    "Update the system",
    Kind.UPDATES,
    {IOS: Needs("9.0", MANAGE_APPS, supervised=True), MACOS: Needs("10.11", supervised=True)},
    (
        Parameter(
            "install_action",
            "Updates.[].InstallAction",
            TEXT,
            "How",
            "An iPhone or iPad downloads with the first “Default” and installs with the next; "
            "the last three are for Macs.",
            required=True,
            choices=ACTIONS,
            choices_on=ACTIONS_ON,
        ),
        Parameter(
            "product_version",
            "Updates.[].ProductVersion",
            TEXT,
            "Version",
            "For example 18.1.1; none: the newest.",
            on={IOS: "11.3", MACOS: "12.0"},
        ),
        Parameter(
            "product_key",
            "Updates.[].ProductKey",
            TEXT,
            "Product key",
            "As AvailableOSUpdates names it.",
        ),
        Parameter(
            "max_user_deferrals",
            "Updates.[].MaxUserDeferrals",
            INTEGER,
            "Times it may be put off",
            "With “Install later”.",
            on={IOS: None, MACOS: "12.0"},
        ),
        Parameter(
            "priority",
            "Updates.[].Priority",
            TEXT,
            "Priority",
            on={IOS: None, MACOS: "12.3"},
            choices=(("Low", "Low"), ("High", "High")),
        ),
    ),
)
