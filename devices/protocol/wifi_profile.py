"""The network that an erased device joins by itself: a .mobileconfig with a Wi-Fi payload."""

from typing import Any

from devices.errors import CommandInvalid, PlistInvalid
from devices.protocol.plist import decode_plist
from scep.protocol.signed_content import SignedContentInvalid, extract_signed_content

WIFI = "com.apple.wifi.managed"
MAX_BYTES = 256 * 1024
DER_SEQUENCE = 0x30
KEYS = ("PayloadIdentifier", "PayloadUUID")


def check_wifi_profile(data: bytes) -> bytes:
    """Return the file as it is, signed or not; raises CommandInvalid with what to change."""
    payloads = _read(data).get("PayloadContent")
    if not isinstance(payloads, list):
        raise CommandInvalid("the Wi-Fi profile has no PayloadContent")
    known = [payload for payload in payloads if isinstance(payload, dict)]
    networks = [payload for payload in known if payload.get("PayloadType") == WIFI]
    if not networks:
        raise CommandInvalid(f"the Wi-Fi profile has no payload of the type {WIFI}")
    if not all(isinstance(each.get("SSID_STR"), str) for each in networks):
        raise CommandInvalid("a network of the Wi-Fi profile has no SSID_STR")
    return data


def _read(data: bytes) -> dict[str, Any]:
    if len(data) > MAX_BYTES:
        raise CommandInvalid(f"the Wi-Fi profile is larger than {MAX_BYTES // 1024} KB")
    try:
        content = extract_signed_content(data) if data[:1] == bytes([DER_SEQUENCE]) else data
        profile = decode_plist(content, max_bytes=MAX_BYTES)
    except (SignedContentInvalid, PlistInvalid) as error:
        raise CommandInvalid(f"the Wi-Fi profile cannot be read: {error}") from error
    if profile.get("PayloadType") != "Configuration":
        raise CommandInvalid("the Wi-Fi profile is no configuration profile")
    for key in KEYS:
        if not isinstance(profile.get(key), str):
            raise CommandInvalid(f"the Wi-Fi profile has no {key}")
    return profile
