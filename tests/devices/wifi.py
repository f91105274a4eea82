"""A .mobileconfig with one network, as Apple Configurator saves it."""

import plistlib
from typing import Any

from tests.policies.profiles import make_mobileconfig


def make_wifi_profile(**changes: Any) -> bytes:
    """`changes` are made to the payload; one whose value is None is taken out."""
    profile = plistlib.loads(make_mobileconfig("Office network"))
    payload = profile["PayloadContent"][0]
    kept = {key: payload[key] for key in ("PayloadIdentifier", "PayloadUUID", "PayloadVersion")}
    network = {"SSID_STR": "Office", "EncryptionType": "WPA2", "Password": "wireless-secret"}
    payload = kept | {"PayloadType": "com.apple.wifi.managed"} | network | changes
    profile["PayloadContent"] = [{k: v for k, v in payload.items() if v is not None}]
    return plistlib.dumps(profile)
