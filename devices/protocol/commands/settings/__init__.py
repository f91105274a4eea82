"""Every setting: an item of the Settings command each."""

from devices.protocol.commands.settings.apps import APP_SETTINGS
from devices.protocol.commands.settings.device import DEVICE_SETTINGS
from devices.protocol.commands.settings.network import NETWORK_SETTINGS
from devices.protocol.commands.settings.shared_ipad import SHARED_IPAD_SETTINGS

SETTINGS = (*DEVICE_SETTINGS, *NETWORK_SETTINGS, *APP_SETTINGS, *SHARED_IPAD_SETTINGS)

__all__ = ["SETTINGS"]
