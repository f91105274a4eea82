"""How the queue treats each RequestType: whether one that waits is enough, and for how long."""

import hashlib
from datetime import timedelta

# Their answers are of interest for some days; a device that comes back later is asked anew.
QUERY_LIFETIME = timedelta(days=14)
# Nobody may remember them when a device comes back after months. Sooner than the queries, for
# what they do cannot be undone.
DRASTIC_LIFETIME = timedelta(days=7)
# Meant for now: a restart in the middle of next week's work is nobody's wish.
MOMENTARY_LIFETIME = timedelta(days=1)

QUERIES = frozenset(
    {
        "ActiveNSExtensions",
        "AvailableOSUpdates",
        "CertificateList",
        "DeviceInformation",
        "InstalledApplicationList",
        "ManagedApplicationConfiguration",
        "ManagedApplicationFeedback",
        "ManagedApplicationList",
        "ManagedMediaList",
        "NSExtensionMappings",
        "OSUpdateStatus",
        "ProfileList",
        "ProvisioningProfileList",
        "Restrictions",
        "SecurityInfo",
        "UserList",
    }
)
DRASTIC = frozenset(
    {
        "ClearPasscode",
        "ClearRestrictionsPassword",
        "DeleteUser",
        "DeviceLock",
        "EraseDevice",
        "SetFirmwarePassword",
        "SetRecoveryLock",
    }
)
MOMENTARY = frozenset(
    {
        "DeviceLocation",
        "LogOutUser",
        "PlayLostModeSound",
        "RequestMirroring",
        "RestartDevice",
        "ShutDownDevice",
        "StopMirroring",
    }
)


def find_lifetime(request_type: str) -> timedelta | None:
    """Return for how long a command is handed out; None for what a device is meant to have.

    Profiles, apps and settings wait as long as it takes: who wanted them still does.
    """
    for types, lifetime in (
        (QUERIES, QUERY_LIFETIME),
        (DRASTIC, DRASTIC_LIFETIME),
        (MOMENTARY, MOMENTARY_LIFETIME),
    ):
        if request_type in types:
            return lifetime
    return None


def build_unique_key(request_type: str, *, body: bytes, is_unique: bool, user_id: str = "") -> str:
    """Return what another command would have to repeat to be superfluous, or "" if each counts.

    `is_unique`: one of its type is enough. A query is superfluous where the same one waits;
    `body` is the Command dictionary as bytes, `user_id` whose channel it goes to.
    """
    kind = f"{request_type}@{user_id}" if user_id else request_type
    if is_unique:
        return kind
    if request_type in QUERIES:
        return f"{kind}:{hashlib.sha256(body).hexdigest()[:24]}"
    return ""
