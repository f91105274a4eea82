"""A configuration profile as an administrator uploads it."""

import plistlib

PASSCODE_PROFILE = plistlib.dumps(
    {
        "PayloadType": "Configuration",
        "PayloadVersion": 1,
        "PayloadIdentifier": "com.example.passcode",
        "PayloadUUID": "5E1B8A6C-0000-4000-8000-000000000001",
        "PayloadDisplayName": "Passcode",
        "PayloadContent": [
            {
                "PayloadType": "com.apple.mobiledevice.passwordpolicy",
                "PayloadVersion": 1,
                "PayloadIdentifier": "com.example.passcode.policy",
                "PayloadUUID": "5E1B8A6C-0000-4000-8000-000000000002",
                "minLength": 6,
            }
        ],
    }
)
