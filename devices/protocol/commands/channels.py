"""Where Apple's schema lets a command go: which channel, and which kind of enrollment."""

from devices.errors import CommandInvalid
from devices.protocol.platform import MACOS

# supportedOS.macOS.userchannel of each command.
ON_USER_CHANNEL = frozenset(
    {
        "ActiveNSExtensions",
        "CertificateList",
        "DeclarativeManagement",
        "DeviceInformation",
        "InstallApplication",
        "InstallMedia",
        "InstallProfile",
        "InstalledApplicationList",
        "InviteToProgram",
        "ManagedApplicationFeedback",
        "ManagedApplicationList",
        "NSExtensionMappings",
        "ProfileList",
        "RemoveProfile",
        "SecurityInfo",
        "Settings",
    }
)
# supportedOS.*.userenrollment: "forbidden" on every platform that has the command.
NOT_IN_USER_ENROLLMENT = frozenset(
    {
        "AccountConfiguration",
        "ActivationLockBypassCode",
        "ActiveNSExtensions",
        "ApplyRedemptionCode",
        "AvailableOSUpdates",
        "ClearActivationLockBypassCode",
        "ClearPasscode",
        "ClearRestrictionsPassword",
        "ContentCachingInformation",
        "DeleteUser",
        "DeviceConfigured",
        "DeviceLocation",
        "DisableLostMode",
        "DisableRemoteDesktop",
        "EnableLostMode",
        "EnableRemoteDesktop",
        "EraseDevice",
        "InviteToProgram",
        "LOMDeviceRequest",
        "LOMSetupRequest",
        "LogOutUser",
        "NSExtensionMappings",
        "OSUpdateStatus",
        "PlayLostModeSound",
        "RefreshCellularPlans",
        "RequestUnlockToken",
        "RestartDevice",
        "Restrictions",
        "RotateFileVaultKey",
        "ScheduleOSUpdate",
        "ScheduleOSUpdateScan",
        "SetAutoAdminPassword",
        "SetFirmwarePassword",
        "SetRecoveryLock",
        "ShutDownDevice",
        "StopMirroring",
        "UnlockUserAccount",
        "UserConfigured",
        "UserList",
        "VerifyFirmwarePassword",
        "VerifyRecoveryLock",
    }
)
# Forbidden in a Mac's User Enrollment only.
NOT_IN_MAC_USER_ENROLLMENT = frozenset(
    {
        "DeviceLock",
        "InstallMedia",
        "InstalledApplicationList",
        "ManagedApplicationFeedback",
        "RemoveApplication",
    }
)


def check_on_user_channel(request_type: str) -> None:
    """Raises CommandInvalid for a command that a device refuses on a user's channel."""
    if request_type not in ON_USER_CHANNEL:
        raise CommandInvalid(f"{request_type} does not go to a user's channel")


def is_kept_from_users(request_type: str, *, platform: str) -> bool:
    """Whether a device in a User Enrollment would refuse the command."""
    is_mac = platform == MACOS
    return request_type in NOT_IN_USER_ENROLLMENT or (
        is_mac and request_type in NOT_IN_MAC_USER_ENROLLMENT
    )
