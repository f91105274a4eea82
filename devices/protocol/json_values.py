"""Answers of devices as JSON: what a column keeps and a page shows."""

import base64
from datetime import datetime
from typing import Any

WITHHELD = "(withheld)"
# Secrets that devices put into answers; each has, or gets, a sealed column of its own.
SECRET_KEYS = frozenset(
    {
        "PIN",
        "Password",
        "PushMagic",
        "PushToken",
        "Token",
        "UnlockToken",
        "BootstrapToken",
        "UnlockKey",
        "ActivationLockBypassCode",
        "FDE_PersonalRecoveryKeyCMS",
        "FDE_PersonalRecoveryKeyDeviceKey",
        "RecoveryKey",
        "NewPassword",
        "CurrentPassword",
        "passwordHash",
        "UnusedRedemptionCode",
        "Latitude",
        "Longitude",
        "Altitude",
        "HorizontalAccuracy",
        "VerticalAccuracy",
        "Course",
        "Speed",
    }
)


def build_json_value(value: Any) -> Any:
    """Data becomes base64 text, dates ISO 8601 in UTC; secrets are replaced by a remark."""
    if isinstance(value, dict):
        return {
            key: WITHHELD if key in SECRET_KEYS else build_json_value(child)
            for key, child in value.items()
        }
    if isinstance(value, list):
        return [build_json_value(child) for child in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds") + "Z"
    return value
