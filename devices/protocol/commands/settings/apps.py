"""What managed apps are told."""

from devices.protocol.access_rights import MANAGE_APPS
from devices.protocol.commands.app_attributes import APP_ATTRIBUTES
from devices.protocol.commands.parameters import DICTIONARY, TEXT, Parameter
from devices.protocol.commands.settings.row import describe_setting, on_ios, on_mac
from devices.protocol.commands.table import Kind

IDENTIFIER = Parameter("identifier", "Identifier", TEXT, "Bundle identifier", required=True)

APP_SETTINGS = (
    describe_setting(
        "ApplicationConfiguration",
        "Configure a managed app",
        on_ios("7.0", right=MANAGE_APPS, in_user_enrollment=True)
        | on_mac("10.15", right=MANAGE_APPS, in_user_enrollment=True, on_user_channel=False),
        IDENTIFIER,
        Parameter(
            "configuration",
            "Configuration",
            DICTIONARY,
            "Configuration",
            "A property list; none: the app's configuration is removed.",
        ),
        kind=Kind.APPS,
    ),
    describe_setting(
        "ApplicationAttributes",
        "Set a managed app's attributes",
        on_ios("7.0", right=MANAGE_APPS, in_user_enrollment=True),
        IDENTIFIER,
        *APP_ATTRIBUTES,
        kind=Kind.APPS,
    ),
)
