"""Shared iPads: how many people, for how long, and what they send to Apple."""

from devices.protocol.commands.parameters import FLAG, INTEGER, TEXTS, Choice, Parameter
from devices.protocol.commands.requirements import REQUIRED
from devices.protocol.commands.settings.row import ENABLED, describe_setting, on_ios
from devices.protocol.commands.table import Kind
from devices.protocol.platform import IOS

GRACE: tuple[Choice, ...] = (
    (0, "At once"),
    (60, "1 minute"),
    (300, "5 minutes"),
    (900, "15 minutes"),
    (3600, "1 hour"),
    (14400, "4 hours"),
)

SHARED_IPAD_SETTINGS = (
    describe_setting(
        "SharedDeviceConfiguration",
        "Configure the Shared iPad",
        on_ios("13.4", shared_ipad=REQUIRED),
        Parameter("quota_size", "QuotaSize", INTEGER, "Megabytes for each user"),
        Parameter("resident_users", "ResidentUsers", INTEGER, "Users who stay on it"),
        Parameter(
            "user_session_timeout",
            "UserSessionTimeout",
            INTEGER,
            "Seconds until a session ends",
            "0: never.",
            on={IOS: "14.5"},
            least=0,
        ),
        Parameter(
            "temporary_session_timeout",
            "TemporarySessionTimeout",
            INTEGER,
            "Seconds until a temporary session ends",
            "0: never.",
            on={IOS: "14.5"},
            least=0,
        ),
        Parameter(
            "temporary_session_only",
            "TemporarySessionOnly",
            FLAG,
            "Temporary sessions only",
            on={IOS: "14.5"},
        ),
        Parameter(
            "default_domains",
            "ManagedAppleIDDefaultDomains",
            TEXTS,
            "Domains offered at sign-in",
            "One a line.",
            on={IOS: "16.0"},
        ),
        Parameter(
            "online_authentication_grace_period",
            "OnlineAuthenticationGracePeriod",
            INTEGER,
            "Days without asking Apple",
            "0: always ask.",
            on={IOS: "16.0"},
            least=0,
        ),
        Parameter(
            "skip_language_setup",
            "SkipLanguageAndLocaleSetupForNewUsers",
            FLAG,
            "New users get the iPad's language",
            on={IOS: "16.2"},
        ),
        Parameter(
            "passcode_lock_grace_period",
            "PasscodePolicy.PasscodeLockGracePeriod",
            INTEGER,
            "Passcode asked for",
            choices=GRACE,
            on={IOS: "17.0"},
        ),
        Parameter(
            "auto_lock_time",
            "PasscodePolicy.AutoLockTime",
            INTEGER,
            "Minutes until it locks",
            "0: never.",
            on={IOS: "17.0"},
            least=0,
        ),
        kind=Kind.USERS,
    ),
    describe_setting(
        "MaximumResidentUsers",
        "Limit the users who stay on it",
        on_ios("9.3", shared_ipad=REQUIRED),
        Parameter(
            "maximum_resident_users", "MaximumResidentUsers", INTEGER, "Users", required=True
        ),
        kind=Kind.USERS,
    ),
    describe_setting(
        "PasscodeLockGracePeriod",
        "Set when the passcode is asked for",
        on_ios("9.3.2", shared_ipad=REQUIRED),
        Parameter(
            "passcode_lock_grace_period",
            "PasscodeLockGracePeriod",
            INTEGER,
            "Passcode asked for",
            required=True,
            choices=GRACE,
        ),
        kind=Kind.USERS,
        note="iPadOS 17 takes it from the Shared iPad's configuration instead.",
    ),
    describe_setting(
        "DiagnosticSubmission",
        "Switch diagnostics sent to Apple",
        on_ios("9.3", shared_ipad=REQUIRED),
        ENABLED,
    ),
    describe_setting(
        "AppAnalytics",
        "Switch analytics for app developers",
        on_ios("9.3.2", shared_ipad=REQUIRED),
        ENABLED,
    ),
)
