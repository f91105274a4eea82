"""Uploaded configuration profiles: what is taken, what is refused, and whose they become."""

import plistlib
import subprocess
from pathlib import Path
from typing import Any

import pytest

from policies.errors import ProfileInvalid
from policies.protocol.profile import (
    MAX_BYTES,
    build_profile,
    build_profile_identifier,
    build_profile_uuid,
    decode_profile,
)

UUID_1, UUID_2 = "8D1B1A1C-0001-4000-8000-000000000001", "8D1B1A1C-0001-4000-8000-000000000002"


def make_profile(**changes: Any) -> dict[str, Any]:
    profile = {
        "PayloadType": "Configuration",
        "PayloadVersion": 1,
        "PayloadIdentifier": "com.example.wifi",
        "PayloadUUID": UUID_1,
        "PayloadDisplayName": "Wi-Fi & more",
        "PayloadContent": [make_payload()],
    }
    return {key: value for key, value in (profile | changes).items() if value is not None}


def make_payload(**changes: Any) -> dict[str, Any]:
    payload = {
        "PayloadType": "com.apple.wifi.managed",
        "PayloadVersion": 1,
        "PayloadIdentifier": "com.example.wifi.1",
        "PayloadUUID": UUID_2,
        "SSID_STR": "Office",
    }
    return {key: value for key, value in (payload | changes).items() if value is not None}


def refusal_of(profile: Any, fmt: plistlib.PlistFormat = plistlib.FMT_XML) -> str:
    with pytest.raises(ProfileInvalid) as refusal:
        decode_profile(plistlib.dumps(profile, fmt=fmt))
    return str(refusal.value)


@pytest.mark.parametrize("fmt", [plistlib.FMT_XML, plistlib.FMT_BINARY])
def test_it_is_read_when_it_is_a_plain_property_list(fmt: plistlib.PlistFormat) -> None:
    uploaded = decode_profile(plistlib.dumps(make_profile(), fmt=fmt))
    assert uploaded.display_name == "Wi-Fi & more"
    assert uploaded.payload_types == ("com.apple.wifi.managed",)
    assert uploaded.content["PayloadContent"][0]["SSID_STR"] == "Office"
    assert uploaded.warnings == ()


def openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def sign(profile: Any, folder: Path, *options: str) -> bytes:
    key, certificate, plain, signed = (folder / name for name in ("key", "cert", "plain", "out"))
    plain.write_bytes(plistlib.dumps(profile))
    request = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Admin")
    openssl(*request, "-keyout", key, "-out", certificate)
    signing = ("cms", "-sign", "-binary", "-signer", certificate, "-inkey", key)
    openssl(*signing, "-in", plain, "-out", signed, "-outform", "DER", *options)
    return signed.read_bytes()


@pytest.mark.parametrize("options", [("-nodetach",), ("-nodetach", "-stream")])
def test_it_is_unwrapped_when_it_is_signed(tmp_path: Path, options: tuple[str, ...]) -> None:
    """DER as Apple Configurator writes it, and BER with indefinite lengths."""
    signed = sign(make_profile(), tmp_path, *options)
    assert signed[0] == 0x30
    assert decode_profile(signed).content == make_profile()


def test_it_is_refused_when_its_signature_is_detached(tmp_path: Path) -> None:
    with pytest.raises(ProfileInvalid, match="detached"):
        decode_profile(sign(make_profile(), tmp_path))


@pytest.mark.parametrize("data", [b"", b"0", b"0\x82\xff\xff", b"hello", b"<html></html>", b"PK\3"])
def test_it_is_refused_when_it_is_something_else(data: bytes) -> None:
    with pytest.raises(ProfileInvalid):
        decode_profile(data)


@pytest.mark.parametrize("cut", [1, 7, 40, 200, 900])
def test_it_is_refused_when_a_signed_one_is_cut_short(tmp_path: Path, cut: int) -> None:
    with pytest.raises(ProfileInvalid):
        decode_profile(sign(make_profile(), tmp_path, "-nodetach")[:-cut])


def test_it_is_refused_when_it_is_too_large() -> None:
    large = plistlib.dumps(make_profile(PayloadDescription="x" * MAX_BYTES))
    with pytest.raises(ProfileInvalid, match="larger than 1024 KB"):
        decode_profile(large)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"PayloadType": None}, "Configuration"),
        ({"PayloadType": "com.apple.wifi.managed"}, "Configuration"),
        ({"PayloadType": "Profile Service"}, "enrollment"),
        ({"PayloadIdentifier": None}, "PayloadIdentifier"),
        ({"PayloadIdentifier": " "}, "PayloadIdentifier"),
        ({"PayloadUUID": 7}, "PayloadUUID"),
        ({"PayloadVersion": None}, "PayloadVersion"),
        ({"PayloadVersion": True}, "PayloadVersion"),
        ({"PayloadVersion": 2}, "PayloadVersion"),
        ({"PayloadDisplayName": 5}, "PayloadDisplayName"),
        ({"PayloadContent": None}, "PayloadContent"),
        ({"PayloadContent": []}, "PayloadContent"),
        ({"PayloadContent": {"a": 1}}, "PayloadContent"),
        ({"PayloadContent": ["text"]}, "payload 1"),
        ({"PayloadContent": [make_payload(PayloadUUID=UUID_1)]}, "Two payloads"),
        ({"PayloadContent": [make_payload(), make_payload()]}, "Two payloads"),
        ({"EncryptedPayloadContent": b"x"}, "encrypted"),
        ({"IsEncrypted": True}, "encrypted"),
    ],
)
def test_it_is_refused_when_a_top_level_key_is_wrong(changes: dict[str, Any], words: str) -> None:
    assert words in refusal_of(make_profile(**changes))


@pytest.mark.parametrize("key", ["PayloadType", "PayloadIdentifier", "PayloadUUID"])
@pytest.mark.parametrize("value", [None, "", 5, b"x"])
def test_it_is_refused_when_a_payload_lacks_its_identity(key: str, value: Any) -> None:
    content = [make_payload(PayloadUUID=UUID_2), make_payload(**{key: value})]
    assert f"{key} of payload 2" in refusal_of(make_profile(PayloadContent=content))


def test_it_is_refused_when_it_would_enroll_the_device_elsewhere() -> None:
    content = [make_payload(PayloadType="com.apple.mdm")]
    assert "enrolls a device" in refusal_of(make_profile(PayloadContent=content))


def test_it_is_refused_when_xml_cannot_hold_its_text() -> None:
    profile = make_profile(PayloadDescription="bell \x07")
    assert "control characters" in refusal_of(profile, plistlib.FMT_BINARY)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"PayloadRemovalDisallowed": True}, "supervised"),
        ({"HasRemovalPasscode": True}, "password"),
        ({"DurationUntilRemoval": 60.0}, "removes itself"),
        ({"PayloadScope": "User"}, "PayloadScope"),
    ],
)
def test_it_warns_when_a_key_hinders_removal(changes: dict[str, Any], words: str) -> None:
    (warning,) = decode_profile(plistlib.dumps(make_profile(**changes))).warnings
    assert words in warning


def test_it_warns_when_a_payload_sets_a_removal_password() -> None:
    content = [make_payload(PayloadType="com.apple.profileRemovalPassword")]
    uploaded = decode_profile(plistlib.dumps(make_profile(PayloadContent=content)))
    assert "password" in uploaded.warnings[0]


def test_only_the_top_identity_is_ours_when_it_is_handed_on() -> None:
    uploaded = decode_profile(plistlib.dumps(make_profile()))
    ours = plistlib.loads(build_profile(uploaded, identifier="com.guardmdm.x", payload_uuid="U"))
    assert ours == make_profile(PayloadIdentifier="com.guardmdm.x", PayloadUUID="U")


def test_the_identifier_stays_and_the_uuid_changes_when_the_version_does() -> None:
    first = decode_profile(plistlib.dumps(make_profile())).version
    second = decode_profile(plistlib.dumps(make_profile(PayloadDescription="new"))).version
    assert build_profile_identifier("org_a1", item_id="itm_b2") == "com.guardmdm.org-a1.itm-b2"
    uuids = {build_profile_uuid("itm_b2", version=version) for version in (first, second)}
    assert len(uuids) == 2
    assert build_profile_uuid("itm_b2", version=first) in uuids
    assert build_profile_uuid("itm_c3", version=first) not in uuids
    assert all(text == text.upper() and len(text) == 36 for text in uuids)
