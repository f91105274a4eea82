"""What a device is called, how it looks, its time zone and its updates."""

from devices.protocol.commands.parameters import DATA, FLAG, INTEGER, TEXT, Choice, Parameter
from devices.protocol.commands.picture import check_picture
from devices.protocol.commands.requirements import FORBIDDEN
from devices.protocol.commands.settings.row import describe_setting, on_ios, on_mac
from devices.protocol.commands.table import Kind
from devices.protocol.platform import IOS, MACOS

TEXT_SIZES: tuple[Choice, ...] = tuple((size, str(size)) for size in range(12))

DEVICE_SETTINGS = (
    describe_setting(
        "DeviceName",
        "Rename the device",
        on_ios(supervised=True) | on_mac("10.10"),
        Parameter("device_name", "DeviceName", TEXT, "Name", required=True),
    ),
    describe_setting(
        "HostName",
        "Set the host name",
        on_mac("10.11"),
        Parameter("host_name", "HostName", TEXT, "Host name", required=True),
    ),
    describe_setting(
        "Wallpaper",
        "Set the wallpaper",
        on_ios("8.0", supervised=True),
        Parameter(
            "image",
            "Image",
            DATA,
            "Picture",
            "PNG or JPEG.",
            required=True,
            check=check_picture,
        ),
        Parameter(
            "where",
            "Where",
            INTEGER,
            "Where",
            required=True,
            choices=((1, "Lock screen"), (2, "Home screen"), (3, "Both")),
        ),
    ),
    describe_setting(
        "TimeZone",
        "Set the time zone",
        on_ios("14.0", supervised=True),
        Parameter("time_zone", "TimeZone", TEXT, "Time zone", "Like Europe/Zurich.", required=True),
    ),
    describe_setting(
        "AccessibilitySettings",
        "Set accessibility",
        on_ios("16.0", supervised=True, shared_ipad=FORBIDDEN),
        Parameter("bold_text_enabled", "BoldTextEnabled", FLAG, "Bold text"),
        Parameter("increase_contrast_enabled", "IncreaseContrastEnabled", FLAG, "More contrast"),
        Parameter("reduce_motion_enabled", "ReduceMotionEnabled", FLAG, "Less motion"),
        Parameter(
            "reduce_transparency_enabled", "ReduceTransparencyEnabled", FLAG, "Less transparency"
        ),
        Parameter("text_size", "TextSize", INTEGER, "Text size", choices=TEXT_SIZES),
        Parameter(
            "touch_accommodations_enabled",
            "TouchAccommodationsEnabled",
            FLAG,
            "Touch accommodations",
        ),
        Parameter("voice_over_enabled", "VoiceOverEnabled", FLAG, "VoiceOver"),
        Parameter("zoom_enabled", "ZoomEnabled", FLAG, "Zoom"),
    ),
    describe_setting(
        "SoftwareUpdateSettings",
        "Choose which updates are offered",
        on_ios("14.5", supervised=True),
        Parameter(
            "recommendation_cadence",
            "RecommendationCadence",
            INTEGER,
            "Offered",
            required=True,
            choices=((0, "All"), (1, "The older system only"), (2, "The newer system only")),
        ),
        kind=Kind.UPDATES,
    ),
    describe_setting(
        "OrganizationInfo",
        "Set the organization",
        on_ios(in_user_enrollment=True) | on_mac("10.9", in_user_enrollment=True),
        Parameter(
            "organization_name", "OrganizationInfo.OrganizationName", TEXT, "Name", required=True
        ),
        Parameter(
            "organization_short_name",
            "OrganizationInfo.OrganizationShortName",
            TEXT,
            "Short name",
            on={IOS: "13.0", MACOS: "10.15"},
        ),
        Parameter("organization_address", "OrganizationInfo.OrganizationAddress", TEXT, "Address"),
        Parameter("organization_phone", "OrganizationInfo.OrganizationPhone", TEXT, "Phone"),
        Parameter("organization_email", "OrganizationInfo.OrganizationEmail", TEXT, "E-mail"),
    ),
    describe_setting(
        "MDMOptions",
        "Set management options",
        on_ios("7.0", in_user_enrollment=True) | on_mac("10.15"),
        Parameter(
            "activation_lock_allowed",
            "MDMOptions.ActivationLockAllowedWhileSupervised",
            FLAG,
            "Activation Lock while supervised",
            required=True,
        ),
        Parameter(
            "prompt_for_bootstrap_token",
            "MDMOptions.PromptUserToAllowBootstrapTokenForAuthentication",
            FLAG,
            "Ask the user about the bootstrap token",
            on={IOS: None, MACOS: "11.0"},
        ),
    ),
)
