"""The row of a setting: one item of the Settings command; Apple settings."""

from collections.abc import Mapping

from devices.protocol.access_rights import CHANGE_SETTINGS
from devices.protocol.commands.parameters import FLAG, Parameter
from devices.protocol.commands.requirements import ALLOWED, Needs
from devices.protocol.commands.table import CommandType, Kind
from devices.protocol.platform import IOS, MACOS

# The command's own releases: an item that names none is as old.
IOS_RELEASE, MACOS_RELEASE = "5.0", "10.9"
ENABLED = Parameter("enabled", "Enabled", FLAG, "On", required=True)


def describe_setting(
    item: str,
    title: str,
    needs: Mapping[str, Needs],
    *parameters: Parameter,
    kind: Kind = Kind.SETTINGS,
    note: str = "",
) -> CommandType:
    """Return the row of one item, which is alone in its command."""
    return CommandType("Settings", title, kind, needs, parameters, item=item, note=note)


def on_ios(
    version: str = IOS_RELEASE,
    *,
    supervised: bool = False,
    shared_ipad: str = ALLOWED,
    right: int = 0,
    in_user_enrollment: bool = False,
) -> dict[str, Needs]:
    """iPhones and iPads; `right` beside changing settings."""
    return {
        IOS: Needs(
            version,
            CHANGE_SETTINGS | right,
            supervised,
            shared_ipad,
            in_user_enrollment=in_user_enrollment,
        )
    }


def on_mac(
    version: str = MACOS_RELEASE,
    *,
    right: int = 0,
    in_user_enrollment: bool = False,
    on_user_channel: bool = True,
) -> dict[str, Needs]:
    """Macs; `right` beside changing settings."""
    return {
        MACOS: Needs(
            version,
            CHANGE_SETTINGS | right,
            in_user_enrollment=in_user_enrollment,
            on_user_channel=on_user_channel,
        )
    }
