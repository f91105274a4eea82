"""Roaming, hotspot and Bluetooth."""

from devices.protocol.access_rights import QUERY_NETWORK
from devices.protocol.commands.settings.row import ENABLED, describe_setting, on_ios, on_mac

NETWORK_SETTINGS = (
    describe_setting("DataRoaming", "Switch data roaming", on_ios(), ENABLED),
    describe_setting("VoiceRoaming", "Switch voice roaming", on_ios(), ENABLED),
    describe_setting(
        "PersonalHotspot", "Switch the personal hotspot", on_ios(right=QUERY_NETWORK), ENABLED
    ),
    describe_setting(
        "Bluetooth",
        "Switch Bluetooth",
        on_ios("11.3", supervised=True) | on_mac("10.13.4"),
        ENABLED,
    ),
)
