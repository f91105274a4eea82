"""DeviceInformation: only queries that the device's platform knows.

Queries that Apple has deprecated (IMEI, ICCID, carrier facts: ServiceSubscriptions now) or
that need a supervised device are left out; IsActivationLockEnabled has no successor.
"""

from devices.protocol.commands.requirements import Needs
from devices.protocol.commands.table import Body, CommandType, Kind
from devices.protocol.platform import IOS, IPADOS, MACOS

EVERYWHERE = (
    "UDID",
    "DeviceName",
    "OSVersion",
    "BuildVersion",
    "ModelName",
    "Model",
    "ModelNumber",
    "ProductName",
    "SerialNumber",
    "DeviceCapacity",
    "AvailableDeviceCapacity",
    "BatteryLevel",
    "IsSupervised",
    "IsActivationLockEnabled",
    "WiFiMAC",
    "BluetoothMAC",
    "SoftwareUpdateDeviceID",
    "SupplementalBuildVersion",
    "SupplementalOSVersionExtra",
    "AwaitingConfiguration",
    "iTunesStoreAccountIsActive",
)
MOBILE = (
    "IsDeviceLocatorServiceEnabled",
    "IsCloudBackupEnabled",
    "LastCloudBackupDate",
    "IsMDMLostModeEnabled",
    "IsMultiUser",
    "IsNetworkTethered",
    "DataRoamingEnabled",
    "PersonalHotspotEnabled",
    "ModemFirmwareVersion",
    "CellularTechnology",
    "ServiceSubscriptions",
    "DiagnosticSubmissionEnabled",
    "AppAnalyticsEnabled",
    "TimeZone",
    "EASDeviceIdentifier",
)
MAC = (
    "ProvisioningUDID",
    "IsAppleSilicon",
    "HasBattery",
    "HostName",
    "LocalHostName",
    "EthernetMAC",
    "SystemIntegrityProtectionEnabled",
    "IsActivationLockSupported",
    "SupportsiOSAppInstalls",
    "PINRequiredForEraseDevice",
    "PINRequiredForDeviceLock",
    "OSUpdateSettings",
    "ActiveManagedUsers",
    "EACSPreflight",
)
BY_PLATFORM = {IOS: EVERYWHERE + MOBILE, IPADOS: EVERYWHERE + MOBILE, MACOS: EVERYWHERE + MAC}
# visionOS, tvOS, watchOS: the few queries that all of them answer.
ELSEWHERE = ("UDID", "DeviceName", "OSVersion", "BuildVersion", "ModelName", "ProductName")


def build_device_information(*, platform: str) -> Body:
    """Ask for every fact that a device of this platform tells; Apple device.information."""
    queries = BY_PLATFORM.get(platform, ELSEWHERE)
    return {"RequestType": "DeviceInformation", "Queries": list(queries)}


DEVICE_INFORMATION = CommandType(
    "DeviceInformation",
    "Ask for its facts",
    Kind.INFORMATION,
    {IOS: Needs("4.0"), MACOS: Needs("10.7")},
    build=build_device_information,
    needs_platform=True,
    is_unique=True,
)
