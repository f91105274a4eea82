"""DeviceInformation and SecurityInfo: what lists are filtered by, under the columns' names.

Keys: Apple, device.information and security.info.
"""

from typing import Any

from devices.protocol.inventory.values import read_flag, read_integer, read_number, read_text

INFORMATION_FLAGS = {
    "IsSupervised": "is_supervised",
    "IsActivationLockEnabled": "activation_lock_enabled",
}
INFORMATION_NUMBERS = {
    "DeviceCapacity": "capacity",
    "AvailableDeviceCapacity": "available_capacity",
    "BatteryLevel": "battery_level",
}
INFORMATION_TEXTS = {
    "WiFiMAC": "wifi_mac",
    "BluetoothMAC": "bluetooth_mac",
    "EthernetMAC": "ethernet_mac",
}
SUBSCRIPTION_TEXTS = {"IMEI": "imei", "PhoneNumber": "phone_number"}
SECURITY_FLAGS = {
    "PasscodePresent": "passcode_present",
    "FDE_Enabled": "filevault_enabled",
    "SystemIntegrityProtectionEnabled": "sip_enabled",
    "RemoteDesktopEnabled": "remote_desktop_enabled",
}
LONGEST = 32  # of addresses and numbers
LONGEST_LEVEL = 16
# (personal, institutional): the kind of a Mac's recovery key
RECOVERY_KEYS = {
    (True, True): "both",
    (True, False): "personal",
    (False, True): "institutional",
    (False, False): "none",
}


def decode_information(responses: dict[str, Any]) -> dict[str, Any]:
    """Return the columns that these QueryResponses speak of; the others stay as they are."""
    facts: dict[str, Any] = {}
    for key, column in INFORMATION_FLAGS.items():
        facts[column] = read_flag(responses, key)
    for key, column in INFORMATION_NUMBERS.items():
        facts[column] = read_number(responses, key)
    for key, column in INFORMATION_TEXTS.items():
        facts[column] = read_text(responses, key, longest=LONGEST)
    facts |= _read_subscription(responses)
    return {column: value for column, value in facts.items() if value not in (None, "")}


def _read_subscription(responses: dict[str, Any]) -> dict[str, str]:
    """Return the numbers of the SIM that carries data, or of the first that has some."""
    listed = responses.get("ServiceSubscriptions")
    lines = [line for line in listed if isinstance(line, dict)] if isinstance(listed, list) else []
    lines.sort(key=lambda line: line.get("IsDataPreferred") is not True)
    found: dict[str, str] = {}
    for line in [*lines, responses]:
        for key, column in SUBSCRIPTION_TEXTS.items():
            found[column] = found.get(column) or read_text(line, key, longest=LONGEST)
    return found


def decode_security(security: dict[str, Any]) -> dict[str, Any]:
    """Return every security column: a SecurityInfo is whole, what it leaves out is not known."""
    facts: dict[str, Any] = {
        column: read_flag(security, key) for key, column in SECURITY_FLAGS.items()
    }
    personal = read_flag(security, "FDE_HasPersonalRecoveryKey")
    institutional = read_flag(security, "FDE_HasInstitutionalRecoveryKey")
    is_known = personal is not None or institutional is not None
    return facts | {
        "passcode_compliant": _read_compliance(security),
        "hardware_encryption": read_integer(security, "HardwareEncryptionCaps", most=3),
        "recovery_key": RECOVERY_KEYS[bool(personal), bool(institutional)] if is_known else "",
        "recovery_key_escrowed": "FDE_PersonalRecoveryKeyCMS" in security if is_known else None,
        "firewall_enabled": read_flag(_get_dict(security, "FirewallSettings"), "FirewallEnabled"),
        "secure_boot": read_text(
            _get_dict(security, "SecureBoot"), "SecureBootLevel", longest=LONGEST_LEVEL
        ),
    }


def _read_compliance(security: dict[str, Any]) -> bool | None:
    rules = [
        read_flag(security, key) for key in ("PasscodeCompliant", "PasscodeCompliantWithProfiles")
    ]
    known = [rule for rule in rules if rule is not None]
    return all(known) if known else None


def _get_dict(answer: dict[str, Any], key: str) -> dict[str, Any]:
    value = answer.get(key)
    return value if isinstance(value, dict) else {}
