"""DeviceInformation and SecurityInfo: believable values under Apple's names."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..hardware import Hardware
from ..profile_check import Plist
from .outcome import require_key

if TYPE_CHECKING:
    from ..device import SimulatedDevice

Answer = Callable[[Hardware], Any]

EVERYWHERE: dict[str, Answer] = {
    "UDID": lambda h: h.udid,
    "DeviceName": lambda h: h.name,
    "OSVersion": lambda h: h.platform.os_version,
    "BuildVersion": lambda h: h.platform.build_version,
    "SupplementalBuildVersion": lambda h: h.platform.build_version,
    "ModelName": lambda h: h.platform.model_name,
    "Model": lambda h: h.platform.model,
    "ModelNumber": lambda h: h.platform.model,
    "ProductName": lambda h: h.platform.product_name,
    "SerialNumber": lambda h: h.serial,
    "DeviceCapacity": lambda h: h.platform.capacity,
    "AvailableDeviceCapacity": lambda h: round(h.platform.capacity * 0.62, 2),
    "BatteryLevel": lambda h: 0.87,
    # A Mac whose enrollment a person has approved counts as supervised since macOS 11.
    "IsSupervised": lambda h: h.platform.is_mac,
    "IsActivationLockEnabled": lambda h: False,
    "AwaitingConfiguration": lambda h: False,
    "iTunesStoreAccountIsActive": lambda h: True,
    "MDMOptions": lambda h: {"ActivationLockAllowedWhileSupervised": False},
    "OrganizationInfo": lambda h: {},
    "BluetoothMAC": lambda h: h.mac_address(0),
    "WiFiMAC": lambda h: h.mac_address(1),
    "SoftwareUpdateDeviceID": lambda h: h.platform.product_name,
}
MOBILE: dict[str, Answer] = {
    "IsMultiUser": lambda h: False,
    "IsDeviceLocatorServiceEnabled": lambda h: True,
    "IsDoNotDisturbInEffect": lambda h: False,
    "IsCloudBackupEnabled": lambda h: True,
    "IsMDMLostModeEnabled": lambda h: False,
    "LastCloudBackupDate": lambda h: datetime(2026, 1, 1, 3, tzinfo=UTC).replace(tzinfo=None),
    "EASDeviceIdentifier": lambda h: h.udid.replace("-", "")[:26],
    "DiagnosticSubmissionEnabled": lambda h: False,
    "AppAnalyticsEnabled": lambda h: False,
    "TimeZone": lambda h: "Europe/Zurich",
    "DataRoamingEnabled": lambda h: False,
    "IsNetworkTethered": lambda h: False,
}
CELLULAR: dict[str, Answer] = {
    "IMEI": lambda h: h.imei,
    "ModemFirmwareVersion": lambda h: "2.20.03",
    "CellularTechnology": lambda h: 1,
    "CurrentCarrierNetwork": lambda h: "Swisscom",
    "CarrierSettingsVersion": lambda h: "61.0",
    "IsRoaming": lambda h: False,
    "CurrentMCC": lambda h: "228",
    "CurrentMNC": lambda h: "01",
    "ServiceSubscriptions": lambda h: [
        {"Slot": "CTSubscriptionSlotOne", "IMEI": h.imei, "IsDataPreferred": True}
    ],
}
MAC: dict[str, Answer] = {
    "ProvisioningUDID": lambda h: h.udid,
    "IsAppleSilicon": lambda h: True,
    "HasBattery": lambda h: True,
    "IsActivationLockSupported": lambda h: True,
    "SupportsLOMDevice": lambda h: False,
    "SupportsiOSAppInstalls": lambda h: True,
    "LocalHostName": lambda h: h.name.replace(" ", "-"),
    "HostName": lambda h: f"{h.name.replace(' ', '-')}.local",
    "EthernetMAC": lambda h: h.mac_address(2),
    "SystemIntegrityProtectionEnabled": lambda h: True,
    "PINRequiredForEraseDevice": lambda h: False,
    "PINRequiredForDeviceLock": lambda h: True,
    "EACSPreflight": lambda h: "success",
    "ActiveManagedUsers": lambda h: [],
    "AutoSetupAdminAccounts": lambda h: [],
    "OSUpdateSettings": lambda h: {
        "AutomaticCheckEnabled": True,
        "AutomaticSecurityUpdatesEnabled": True,
    },
}


def find_answers(hardware: Hardware) -> dict[str, Answer]:
    """Every query that this device can answer."""
    if hardware.platform.is_mac:
        return EVERYWHERE | MAC
    return EVERYWHERE | MOBILE | (CELLULAR if hardware.platform.cellular else {})


def device_information(device: "SimulatedDevice", command: Plist) -> Plist:
    """Answers what it knows; like a real device it leaves the rest out silently."""
    require_key(command, "Queries", kind=list)
    answers = find_answers(device.hardware)
    found = {q: answers[q](device.hardware) for q in command["Queries"] if q in answers}
    if "PushToken" in command["Queries"]:
        found["PushToken"] = device.state.token
    return {"QueryResponses": found}


def security_info(device: "SimulatedDevice", command: Plist) -> Plist:
    """SecurityInfo; a Mac's FileVault and firewall beside what all report."""
    info: Plist = {
        "PasscodePresent": True,
        "PasscodeCompliant": True,
        "PasscodeCompliantWithProfiles": True,
        "ManagementStatus": {
            "EnrolledViaDEP": False,
            "UserApprovedEnrollment": True,
            "IsUserEnrollment": False,
            "IsActivationLockManageable": False,
        },
    }
    extra = MAC_SECURITY if device.hardware.platform.is_mac else MOBILE_SECURITY
    return {"SecurityInfo": info | extra}


MOBILE_SECURITY: Plist = {
    "HardwareEncryptionCaps": 3,
    "PasscodeLockGracePeriod": 0,
    "PasscodeLockGracePeriodEnforced": 0,
    "AutoLockTime": 30,
}
MAC_SECURITY: Plist = {
    "FDE_Enabled": True,
    "FDE_HasPersonalRecoveryKey": True,
    "FDE_HasInstitutionalRecoveryKey": False,
    "SystemIntegrityProtectionEnabled": True,
    "FirewallSettings": {
        "FirewallEnabled": True,
        "BlockAllIncoming": False,
        "StealthMode": False,
        "Applications": [],
    },
    "FirmwarePasswordStatus": {"PasswordExists": False, "ChangePending": False},
    "SecureBoot": {"SecureBootLevel": "full", "ExternalBootLevel": "allowed"},
    "AuthenticatedRootVolumeEnabled": True,
    "BootstrapTokenAllowedForAuthentication": "disallowed",
    "BootstrapTokenRequiredForSoftwareUpdate": True,
    "BootstrapTokenRequiredForKernelExtensionApproval": True,
    "IsRecoveryLockEnabled": False,
    "RemoteDesktopEnabled": False,
}
