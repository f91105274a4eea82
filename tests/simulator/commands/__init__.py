"""The commands a device obeys: one table from RequestType to handler."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..profile_check import Plist
from . import (
    app_data,
    applications,
    declarative,
    information,
    inventory,
    lists,
    lost_mode,
    other,
    power,
    profiles,
    security,
)
from .outcome import CommandRefused, malformed, refuse

if TYPE_CHECKING:
    from ..device import SimulatedDevice

Handler = Callable[["SimulatedDevice", Plist], Plist]

HANDLERS: dict[str, Handler] = {
    "DeviceInformation": information.device_information,
    "SecurityInfo": information.security_info,
    "ProfileList": profiles.profile_list,
    "InstallProfile": profiles.install_profile,
    "RemoveProfile": profiles.remove_profile,
    "InstallApplication": applications.install_application,
    "RemoveApplication": applications.remove_application,
    "ManagedApplicationList": applications.managed_application_list,
    "DeclarativeManagement": declarative.declarative_management,
    "InstalledApplicationList": inventory.installed_application_list,
    "CertificateList": inventory.certificate_list,
    "ManagedApplicationConfiguration": app_data.managed_application_configuration,
    "ManagedApplicationFeedback": app_data.managed_application_feedback,
    "DeviceLock": power.device_lock,
    "EraseDevice": power.erase_device,
    "RestartDevice": power.restart_device,
    "ShutDownDevice": power.restart_device,
    "ProvisioningProfileList": lists.provisioning_profile_list,
    "AvailableOSUpdates": lists.available_os_updates,
    "OSUpdateStatus": lists.os_update_status,
    "ScheduleOSUpdate": lists.schedule_os_update,
    "ActivationLockBypassCode": security.activation_lock_bypass_code,
    "ClearActivationLockBypassCode": security.clear_activation_lock_bypass_code,
    "Settings": other.settings,
    "InstallProvisioningProfile": other.install_provisioning_profile,
    "RemoveProvisioningProfile": other.remove_provisioning_profile,
    "RequestMirroring": other.request_mirroring,
    "StopMirroring": other.accept,
}
MOBILE_HANDLERS: dict[str, Handler] = {
    "Restrictions": lists.restrictions,
    "ManagedMediaList": other.managed_media_list,
    "ManagedApplicationAttributes": other.managed_application_attributes,
    "InstallMedia": other.install_media,
    "RemoveMedia": other.accept,
    "ValidateApplications": other.accept,
    "ApplyRedemptionCode": other.accept,
    "InviteToProgram": other.invite_to_program,
    "RequestUnlockToken": security.request_unlock_token,
    "ClearPasscode": security.clear_passcode,
    "ClearRestrictionsPassword": other.accept,
    "EnableLostMode": lost_mode.enable_lost_mode,
    "DisableLostMode": lost_mode.disable_lost_mode,
    "PlayLostModeSound": lost_mode.play_lost_mode_sound,
    "DeviceLocation": lost_mode.device_location,
    "RefreshCellularPlans": other.accept,
}
MAC_HANDLERS: dict[str, Handler] = {
    "UserList": inventory.user_list,
    "UnlockUserAccount": other.accept,
    "DeleteUser": other.accept,
    "ScheduleOSUpdateScan": other.scan,
    "ContentCachingInformation": other.content_caching_information,
    "SetRecoveryLock": security.set_recovery_lock,
    "VerifyRecoveryLock": security.verify_recovery_lock,
    "SetFirmwarePassword": security.set_firmware_password,
    "VerifyFirmwarePassword": security.verify_firmware_password,
    "RotateFileVaultKey": security.rotate_filevault_key,
    "SetAutoAdminPassword": security.set_auto_admin_password,
    "EnableRemoteDesktop": other.accept,
    "DisableRemoteDesktop": other.accept,
    "LOMSetupRequest": other.lom_setup_request,
    "LOMDeviceRequest": other.lom_device_request,
    "InstallEnterpriseApplication": applications.install_enterprise_application,
}


def find_handler(device: "SimulatedDevice", request_type: str) -> Handler | None:
    """The handler of a RequestType on this device's platform."""
    own = MAC_HANDLERS if device.hardware.platform.is_mac else MOBILE_HANDLERS
    return HANDLERS.get(request_type) or own.get(request_type)


def obey(device: "SimulatedDevice", command: Plist) -> Plist:
    """Status and whatever else the answer to this Command dictionary holds."""
    try:
        return {"Status": "Acknowledged"} | _run(device, command)
    except CommandRefused as refusal:
        return {"Status": refusal.status, "ErrorChain": refusal.chain, **refusal.extra}


def _run(device: "SimulatedDevice", command: Plist) -> Plist:
    request_type = command.get("RequestType")
    if not isinstance(request_type, str):
        raise malformed("the command has no RequestType")
    handler = find_handler(device, request_type)
    if handler is None:
        raise refuse(f"“{request_type}” is not a valid request type.", code=12021)
    return handler(device, command)


__all__ = ["HANDLERS", "find_handler", "obey"]
