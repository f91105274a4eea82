"""Configuration profiles to try the server with, as an administrator would upload them.

Keys: Apple, device-management schema; none of them needs a supervised device.
"""

import uuid
from typing import Any

NAMESPACE = uuid.UUID("3f0f1f53-7a0a-5d0c-8a42-5c8a4c9d1e07")
IDENTIFIER = "com.example.guardmdm"


def build_passcode_profile() -> dict[str, Any]:
    """A passcode of six or more characters; for every platform."""
    return _build_profile(
        "Passcode",
        payload_type="com.apple.mobiledevice.passwordpolicy",
        settings={"forcePIN": True, "allowSimple": False, "minLength": 6, "maxInactivity": 5},
    )


def build_restrictions_profile() -> dict[str, Any]:
    """Backups encrypted, work files kept among managed apps; for iPhones and iPads."""
    return _build_profile(
        "Restrictions",
        payload_type="com.apple.applicationaccess",
        settings={
            "forceEncryptedBackup": True,
            "allowOpenFromManagedToUnmanaged": False,
            "allowDiagnosticSubmission": False,
        },
    )


def build_web_clip_profile(url: str) -> dict[str, Any]:
    """A bookmark on the home screen of iPhones and iPads; Macs take it for a user only."""
    return _build_profile(
        "Help Desk",
        payload_type="com.apple.webClip.managed",
        settings={"Label": "Help Desk", "URL": url, "IsRemovable": True, "FullScreen": False},
    )


def build_screen_lock_profile() -> dict[str, Any]:
    """A Mac asks for its password at once after the screen saver."""
    return _build_profile(
        "Screen Lock",
        payload_type="com.apple.screensaver",
        settings={
            "moduleName": "Flurry",
            "loginWindowIdleTime": 600,
            "askForPassword": True,
            "askForPasswordDelay": 0,
        },
    )


def _build_profile(name: str, *, payload_type: str, settings: dict[str, Any]) -> dict[str, Any]:
    identifier = f"{IDENTIFIER}.{name.lower().replace(' ', '-')}"
    return {
        **_build_identity(name, identifier=identifier, payload_type="Configuration"),
        "PayloadContent": [
            _build_identity(name, identifier=f"{identifier}.1", payload_type=payload_type)
            | settings
        ],
    }


def _build_identity(name: str, *, identifier: str, payload_type: str) -> dict[str, Any]:
    return {
        "PayloadType": payload_type,
        "PayloadVersion": 1,
        "PayloadIdentifier": identifier,
        "PayloadUUID": str(uuid.uuid5(NAMESPACE, identifier)).upper(),
        "PayloadDisplayName": name,
    }
