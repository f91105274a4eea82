"""DeviceInformation: only queries that the device knows and may answer.

Queries that Apple has deprecated (IMEI, ICCID, carrier facts: ServiceSubscriptions now) or
that need a supervised device are left out; IsActivationLockEnabled has no successor.
"""

from dataclasses import dataclass

from devices.protocol.commands.requirements import (
    USER_CHANNEL,
    DeviceFacts,
    Needs,
    find_version_refusal,
    get_system,
)
from devices.protocol.commands.table import Body, CommandType, Kind
from devices.protocol.platform import IOS, MACOS, OTHER


@dataclass(frozen=True)
class Query:
    """One query, and the version of each platform that introduced it: "" as long as the command,
    None where it does not exist. A User Enrollment does not tell what `is_personal`, a user's
    channel not what is not `of_users`.
    """

    name: str
    ios: str | None = ""
    macos: str | None = ""
    is_personal: bool = False
    of_users: bool = True

    def suits(self, facts: DeviceFacts) -> bool:
        """Say whether the device may answer it; what is not known of it refuses nothing."""
        version = {IOS: self.ios, MACOS: self.macos}.get(get_system(facts.platform), "")
        is_told = not (self.is_personal and facts.is_user_enrollment)
        is_told &= self.of_users or facts.channel != USER_CHANNEL
        return is_told and version is not None and not find_version_refusal(version, facts)


QUERIES = (
    Query("UDID", is_personal=True),
    Query("DeviceName"),
    Query("OSVersion"),
    Query("BuildVersion"),
    Query("ModelName"),
    Query("Model"),
    Query("ModelNumber", "16.4", "13.3"),
    Query("ProductName"),
    Query("SerialNumber", is_personal=True),
    Query("DeviceCapacity"),
    Query("AvailableDeviceCapacity"),
    Query("BatteryLevel", "5.0", "13.3"),
    Query("IsSupervised", "6.0", "10.15"),
    Query("IsActivationLockEnabled", "7.0", "10.15", is_personal=True),
    Query("WiFiMAC", is_personal=True),
    Query("BluetoothMAC", is_personal=True),
    Query("SoftwareUpdateDeviceID", "15.0", "12.0", is_personal=True),
    Query("SupplementalBuildVersion", "16.1", "13.0"),
    Query("SupplementalOSVersionExtra", "16.1", "13.0"),
    Query("AwaitingConfiguration", "9.0", "10.11", is_personal=True),
    Query("iTunesStoreAccountIsActive", "7.0", "10.9", is_personal=True),
    Query("IsDeviceLocatorServiceEnabled", "7.0", None),
    Query("IsCloudBackupEnabled", "7.1", None, is_personal=True),
    Query("LastCloudBackupDate", "8.0", None, is_personal=True),
    Query("IsMDMLostModeEnabled", "9.3", None, is_personal=True),
    Query("IsMultiUser", "9.3", None),
    Query("IsNetworkTethered", "10.3", None),
    Query("DataRoamingEnabled", "5.0", None, is_personal=True),
    Query("PersonalHotspotEnabled", "7.0", None, is_personal=True),
    Query("ModemFirmwareVersion", "", None, is_personal=True),
    Query("CellularTechnology", "4.2.6", None),
    Query("ServiceSubscriptions", "12.0", None, is_personal=True),
    Query("DiagnosticSubmissionEnabled", "9.3", None),
    Query("AppAnalyticsEnabled", "9.3", None),
    Query("TimeZone", "14.0", None),
    Query("EASDeviceIdentifier", "7.0", None),
    Query("ProvisioningUDID", None, "11.3", is_personal=True),
    Query("IsAppleSilicon", None, "12.0"),
    Query("HasBattery", None, "13.3"),
    Query("HostName", None, "10.11"),
    Query("LocalHostName", None, "10.11"),
    Query("EthernetMAC", None, "", is_personal=True),
    Query("SystemIntegrityProtectionEnabled", None, "10.12"),
    Query("IsActivationLockSupported", None, "10.15", is_personal=True),
    Query("SupportsiOSAppInstalls", None, "11.0"),
    Query("PINRequiredForEraseDevice", None, "11.0", is_personal=True),
    Query("PINRequiredForDeviceLock", None, "11.0", is_personal=True),
    Query("OSUpdateSettings", None, "10.11", is_personal=True),
    Query("ActiveManagedUsers", None, "10.11", of_users=False),
    Query("EACSPreflight", None, "13.3", is_personal=True, of_users=False),
)
# visionOS, tvOS, watchOS: the few queries that all of them answer.
ELSEWHERE = ("UDID", "DeviceName", "OSVersion", "BuildVersion", "ModelName", "ProductName")


def build_device_information(*, facts: DeviceFacts) -> Body:
    """Ask for every fact that this device tells; Apple device.information."""
    names = [query.name for query in QUERIES if query.suits(facts)]
    if facts.platform == OTHER:
        names = [name for name in names if name in ELSEWHERE]
    return {"RequestType": "DeviceInformation", "Queries": names}


DEVICE_INFORMATION = CommandType(
    "DeviceInformation",
    "Ask for its facts",
    Kind.INFORMATION,
    {IOS: Needs("4.0"), MACOS: Needs("10.7")},
    build=build_device_information,
    needs_facts=True,
    is_unique=True,
)
