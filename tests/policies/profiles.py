"""Profiles as administrators upload them."""

import plistlib
import uuid
from typing import Any


def make_mobileconfig(name: str = "Passcode", **settings: Any) -> bytes:
    """A passcode profile; every call makes another one, as it has new UUIDs."""
    payload = {
        "PayloadType": "com.apple.mobiledevice.passwordpolicy",
        "PayloadVersion": 1,
        "PayloadIdentifier": "com.example.passcode.1",
        "PayloadUUID": str(uuid.uuid4()),
        "forcePIN": True,
    }
    return plistlib.dumps(
        {
            "PayloadType": "Configuration",
            "PayloadVersion": 1,
            "PayloadIdentifier": "com.example.passcode",
            "PayloadUUID": str(uuid.uuid4()),
            "PayloadDisplayName": name,
            "PayloadContent": [payload | settings],
        }
    )
