"""Answers of devices, as they are and as a hostile device would make them."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from devices.protocol.inventory import (
    bound_facts,
    build_version_bounds,
    build_version_number,
    decode_applications,
    decode_information,
    decode_profiles,
    decode_security,
    decode_users,
    list_certificates,
)

ODD: list[Any] = [None, True, -1, 2**64, 1.5, b"\xff", [], {}, datetime(2026, 1, 1), "x" * 100_000]


def make_certificate(name: str) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), 0xABCDEF)
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    builder = builder.not_valid_before(moment).not_valid_after(moment + timedelta(days=365))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def test_numbers_are_read_when_a_device_tells_them_in_another_type() -> None:
    (app,) = decode_applications(
        [{"Name": "A", "Identifier": "a", "Version": 5, "ShortVersion": 1.5, "BundleSize": 7.0}]
    ).values()
    assert (app.version, app.short_version, app.bundle_size) == ("5", "1.5", 7)
    facts = decode_information({"DeviceCapacity": "64.5", "BatteryLevel": 1, "WiFiMAC": True})
    assert facts == {"capacity": 64.5, "battery_level": 1.0}
    assert decode_security({"HardwareEncryptionCaps": "3"})["hardware_encryption"] == 3
    assert decode_security({"HardwareEncryptionCaps": 1.5})["hardware_encryption"] is None


def test_versions_are_in_their_order_when_compared_as_numbers() -> None:
    versions = ["9.3.5", "10", "17.6.1", "18", "18.0.1", "18.1", "18.1.1", "18.10", "26.0"]
    numbers = [build_version_number(version) for version in versions]
    assert None not in numbers
    assert numbers == sorted(numbers, key=lambda number: number or 0)
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("text", ["", "beta", "-1", "99999", "١٨", "v18"])
def test_nothing_is_returned_when_a_version_is_none(text: str) -> None:
    assert build_version_number(text) is None
    assert build_version_bounds(text) is None


def test_a_version_stands_for_those_below_it_when_it_is_short() -> None:
    first, end = build_version_bounds("18") or (0, 0)
    assert first <= (build_version_number("18.7.2") or 0) < end
    assert (build_version_number("19") or 0) == end


def test_an_app_has_one_digest_when_devices_use_the_same_words() -> None:
    entry = {"Identifier": "com.example", "Name": "Example", "Version": "1", "BundleSize": 5}
    first, second = decode_applications([entry]), decode_applications([entry | {"BundleSize": 9}])
    assert list(first) == list(second)
    assert list(first) != list(decode_applications([entry | {"Version": "2"}]))


def test_a_mac_app_is_known_by_its_name_when_it_has_no_identifier() -> None:
    [app] = decode_applications([{"Name": "Old Tool", "Version": "1.0"}]).values()
    assert (app.identifier, app.name) == ("Old Tool", "Old Tool")


@pytest.mark.parametrize("odd", ODD)
def test_nothing_breaks_when_a_value_is_odd(odd: Any) -> None:
    for key in ("Identifier", "Name", "Version", "ShortVersion", "Source", "BundleSize", "BetaApp"):
        for app in decode_applications([{"Identifier": "a", "Name": "b"} | {key: odd}]).values():
            assert len(app.identifier) <= 255
            assert len(app.version) <= 128
            assert app.bundle_size is None or 0 <= app.bundle_size < 2**63
    assert decode_applications(odd) == {}
    assert decode_applications([odd]) == {}
    assert list_certificates([odd, {"Data": odd, "CommonName": odd, "IsIdentity": odd}]) is not None
    assert decode_users([odd]) in ([], [{}])
    for key in ("FDE_Enabled", "FirewallSettings", "SecureBoot", "HardwareEncryptionCaps"):
        assert len(decode_security({key: odd})["secure_boot"]) <= 16
    for key in ("IsSupervised", "BatteryLevel", "WiFiMAC", "ServiceSubscriptions"):
        assert len(decode_information({key: odd}).get("wifi_mac", "")) <= 32


def test_a_list_is_cut_when_it_is_endless() -> None:
    assert len(decode_applications([{"Name": f"{n}"} for n in range(6000)])) == 5000
    assert len(decode_users([{"UID": n} for n in range(600)])) == 500
    assert len(list_certificates([{"Data": b"%d" % n} for n in range(1100)])) == 1000


def test_facts_are_left_out_when_they_are_huge() -> None:
    assert bound_facts({"Small": [1], "Large": "x" * 70_000}) == {"Small": [1]}
    assert len(bound_facts({f"{n}": n for n in range(1000)})) == 300


def test_a_certificate_is_read_when_it_is_one() -> None:
    der = make_certificate("Device, Inc.")
    listed = [{"CommonName": "Device", "IsIdentity": False, "Data": der}]
    listed += [{"CommonName": "Device", "IsIdentity": True, "Data": der}]
    [certificate] = list_certificates(listed).values()
    content = certificate.read()
    assert content is not None
    assert certificate.sha256 == hashlib.sha256(der).hexdigest()
    assert certificate.is_identity
    assert content.subject == "CN=Device\\, Inc."
    assert content.serial == "abcdef"
    assert content.not_after == datetime(2027, 1, 1, tzinfo=UTC)


def test_a_certificate_keeps_its_common_name_when_it_cannot_be_read() -> None:
    [certificate] = list_certificates([{"CommonName": "Broken", "Data": b"\x30\x03abc"}]).values()
    assert certificate.common_name == "Broken"
    assert certificate.read() is None


def test_a_certificate_turns_no_words_around_its_names_when_they_would() -> None:
    [certificate] = list_certificates([{"Data": make_certificate("a\u202eb")}]).values()
    content = certificate.read()
    assert content is not None
    assert (content.subject, content.issuer) == ("CN=ab", "CN=ab")


def test_nul_is_gone_when_a_certificate_hides_it_in_a_name() -> None:
    [certificate] = list_certificates([{"Data": make_certificate("a\0b")}]).values()
    content = certificate.read()
    assert content is None or "\0" not in content.subject


def test_the_recovery_key_is_named_when_a_mac_tells_its_kind() -> None:
    security = {"FDE_HasPersonalRecoveryKey": True, "FDE_HasInstitutionalRecoveryKey": False}
    facts = decode_security(security)
    assert (facts["recovery_key"], facts["recovery_key_escrowed"]) == ("personal", False)
    facts = decode_security(security | {"FDE_PersonalRecoveryKeyCMS": "(withheld)"})
    assert facts["recovery_key_escrowed"] is True
    assert decode_security({})["recovery_key_escrowed"] is None


def test_the_numbers_are_those_of_the_data_line_when_there_are_two() -> None:
    lines = [
        {"Slot": "One", "IMEI": "1", "PhoneNumber": "+41"},
        {"Slot": "Two", "IMEI": "2", "IsDataPreferred": True},
    ]
    facts = decode_information({"ServiceSubscriptions": lines})
    assert facts == {"imei": "2", "phone_number": "+41"}


def test_a_battery_is_not_known_when_its_level_is_negative() -> None:
    assert "battery_level" not in decode_information({"BatteryLevel": -1.0})


def test_the_words_around_a_name_stay_as_they_are_when_it_turns_the_direction() -> None:
    told = {"Name": "\u202egnp.\u2066exe\u2069 \u200f\u05e9\u05dc\u05d5\u05dd", "Identifier": "a"}
    [application] = decode_applications([told]).values()
    assert application.name == "gnp.exe \u200f\u05e9\u05dc\u05d5\u05dd"  # a mark turns nothing


def test_a_profile_is_kept_without_what_only_takes_room() -> None:
    payload = {"PayloadType": "com.apple.wifi.managed", "PayloadIdentifier": "a.b", "SSID": "x"}
    told = {"PayloadIdentifier": "a", "IsManaged": True, "SignerCertificates": ["x"]}
    odd = {"PayloadType": {"a": ["x" * 50_000]}, "PayloadIdentifier": 5}
    long = {"PayloadDescription": "x" * 5000, "PayloadContent": [payload, odd, 5] + [payload] * 200}
    [kept] = decode_profiles([told | long, 5])
    payloads = kept.pop("PayloadContent")
    assert kept == {"PayloadIdentifier": "a", "IsManaged": True}
    assert payloads[0] == {"PayloadType": "com.apple.wifi.managed", "PayloadIdentifier": "a.b"}
    assert payloads[1] == {"PayloadType": "", "PayloadIdentifier": ""}
    assert len(payloads) == 99


def test_a_list_of_profiles_is_bounded_as_a_whole_when_each_is_large() -> None:
    profile = {f"Key{number}": "x" * 1000 for number in range(30)}
    kept = decode_profiles([profile] * 1000)
    assert 10 < len(kept) < 40
    assert decode_profiles(["x", 5, []]) == []


def test_facts_are_bounded_together_when_each_is_large() -> None:
    kept = bound_facts({f"Key{number}": "x" * 60_000 for number in range(200)} | {"Last": 1})
    assert 3 < len(kept) < 10
