"""The profiles of the Profile Service's first two phases (Apple: Over-the-Air Profile Delivery).

The first asks the device for its attributes, the second gives it a certificate to sign them with;
the third phase's answer is the enrollment profile itself.
"""

from devices.protocol.plist import encode_plist
from enrollment.protocol.device_attributes import REQUESTED
from enrollment.protocol.profile import TARGET_DEVICE_TYPES, Payload, ProfileContext

PART = "profile-service"


def build_service_profile(context: ProfileContext, *, url: str, challenge: str) -> bytes:
    """Return phase 1's unsigned profile: where the device sends which attributes."""
    profile = _build_top(context, kind="Profile Service", part=PART) | {
        "PayloadDisplayName": f"{context.organization_name}: device management",
        "PayloadDescription": (
            f"Tells {context.organization_name} which device this is, and brings the profile that "
            "lets it manage this device with GuardMDM."
        ),
        # A dictionary, unlike every other profile's.
        "PayloadContent": {
            "URL": url,
            "DeviceAttributes": list(REQUESTED),
            "Challenge": challenge,
        },
    }
    if context.platform in TARGET_DEVICE_TYPES:
        profile["TargetDeviceType"] = TARGET_DEVICE_TYPES[context.platform]
    return encode_plist(profile)


def build_certificate_profile(context: ProfileContext, *, identity: Payload) -> bytes:
    """Return phase 2's unsigned profile around the SCEP payload of the service's certificate."""
    profile = _build_top(context, kind="Configuration", part=f"{PART}.certificate") | {
        "PayloadDisplayName": f"{context.organization_name}: device identification",
        "PayloadContent": [identity],
    }
    return encode_plist(profile)


def _build_top(context: ProfileContext, *, kind: str, part: str) -> Payload:
    return {
        "PayloadType": kind,
        "PayloadVersion": 1,
        "PayloadIdentifier": f"{context.identifier}.{part}",
        "PayloadUUID": context.build_uuid(part),
        "PayloadOrganization": context.organization_name,
    }
