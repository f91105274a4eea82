"""The network that an erased device joins by itself: a .mobileconfig with a Wi-Fi payload."""

from devices.errors import CommandInvalid
from devices.protocol.profile_file import read_profile

WIFI = "com.apple.wifi.managed"
MAX_BYTES = 256 * 1024


def check_wifi_profile(data: bytes) -> bytes:
    """Return the file as it is, signed or not; raises CommandInvalid with what to change."""
    payloads = read_profile(data, of="Wi-Fi profile", max_bytes=MAX_BYTES).get("PayloadContent")
    if not isinstance(payloads, list):
        raise CommandInvalid("the Wi-Fi profile has no PayloadContent")
    known = [payload for payload in payloads if isinstance(payload, dict)]
    networks = [payload for payload in known if payload.get("PayloadType") == WIFI]
    if not networks:
        raise CommandInvalid(f"the Wi-Fi profile has no payload of the type {WIFI}")
    if not all(isinstance(each.get("SSID_STR"), str) for each in networks):
        raise CommandInvalid("a network of the Wi-Fi profile has no SSID_STR")
    return data
