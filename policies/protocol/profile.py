"""Configuration profiles: an uploaded .mobileconfig is read, checked and given our identity.

Source: Apple, device-management schema, TopLevel and CommonPayloadKeys.
"""

import hashlib
import uuid
from dataclasses import dataclass
from typing import Any

from devices.errors import PlistInvalid
from devices.protocol.plist import decode_plist, encode_plist
from policies.errors import ProfileInvalid
from policies.protocol.warnings import find_warnings
from scep.protocol.signed_content import SignedContentInvalid, extract_signed_content

MAX_BYTES = 1024 * 1024
DER_SEQUENCE = 0x30
NAMESPACE = uuid.UUID("6f5c2c51-9c0e-5c2e-9d6b-0b8f2f0d7a11")
REFUSED_TYPES = {
    "com.apple.mdm": "enrolls a device; only the enrollment page does that",
    "Profile Service": "starts an enrollment; only the enrollment page does that",
}
TEXT_KEYS = ("PayloadType", "PayloadIdentifier", "PayloadUUID")


@dataclass(frozen=True)
class UploadedProfile:
    """A profile as the administrator made it, unwrapped and checked.

    `version` is the SHA-256 of its content, hex; `warnings` are sentences for people.
    """

    content: dict[str, Any]
    display_name: str
    payload_types: tuple[str, ...]
    version: str
    warnings: tuple[str, ...]


def decode_profile(data: bytes) -> UploadedProfile:
    """Read a .mobileconfig: an XML or binary property list, or one in CMS SignedData.

    Raises ProfileInvalid with one sentence that says what to change.
    """
    if len(data) > MAX_BYTES:
        raise ProfileInvalid(f"The file is larger than {MAX_BYTES // 1024} KB.")
    content = _read_content(data)
    payloads = _check_top_level(content)
    for number, payload in enumerate(payloads, start=1):
        _check_payload(payload, number=number)
    _check_unique([content, *payloads])
    return UploadedProfile(
        content=content,
        display_name=str(content.get("PayloadDisplayName", "")).strip(),
        payload_types=tuple(dict.fromkeys(payload["PayloadType"] for payload in payloads)),
        version=_compute_version(content),
        warnings=tuple(find_warnings(content)),
    )


def build_profile_identifier(organization_id: str, *, item_id: str) -> str:
    """Return the PayloadIdentifier that an item's profile has through all its versions.

    Apple asks for reverse-DNS style, where `_` is no letter.
    """
    return f"com.guardmdm.{organization_id}.{item_id}".replace("_", "-")


def build_profile_uuid(item_id: str, *, version: str) -> str:
    """Return the PayloadUUID of one version, so that ProfileList tells which one is there."""
    return str(uuid.uuid5(NAMESPACE, f"{item_id}:{version}")).upper()


def build_profile(uploaded: UploadedProfile, *, identifier: str, payload_uuid: str) -> bytes:
    """Return the profile under our top-level identity, as XML; the payloads stay untouched."""
    ours = {"PayloadIdentifier": identifier, "PayloadUUID": payload_uuid}
    return encode_plist({**uploaded.content, **ours})


def _compute_version(content: dict[str, Any]) -> str:
    try:
        return hashlib.sha256(encode_plist(content)).hexdigest()
    except ValueError as error:  # a binary list may hold what XML has no way to write
        raise ProfileInvalid("A text of the profile holds control characters.") from error


def _read_content(data: bytes) -> dict[str, Any]:
    try:
        if data[:1] == bytes([DER_SEQUENCE]):
            data = extract_signed_content(data)
        return decode_plist(data, max_bytes=MAX_BYTES)
    except SignedContentInvalid as error:
        raise ProfileInvalid(f"The file cannot be read: {error}.") from error
    except PlistInvalid as error:
        raise ProfileInvalid(f"The file is not a configuration profile: {error}.") from error


def _check_top_level(content: dict[str, Any]) -> list[Any]:
    if content.get("PayloadType") in REFUSED_TYPES:
        raise ProfileInvalid(f"The profile {REFUSED_TYPES[content['PayloadType']]}.")
    if content.get("PayloadType") != "Configuration":
        raise ProfileInvalid("The PayloadType at the top must be “Configuration”.")
    if "EncryptedPayloadContent" in content or content.get("IsEncrypted"):
        raise ProfileInvalid("The profile is encrypted for one device; upload it unencrypted.")
    _check_keys(content, place="at the top")
    payloads = content.get("PayloadContent")
    if not isinstance(payloads, list) or not payloads:
        raise ProfileInvalid("PayloadContent must be a list with at least one payload.")
    return payloads


def _check_payload(payload: Any, *, number: int) -> None:
    place = f"of payload {number}"
    if not isinstance(payload, dict):
        raise ProfileInvalid(f"PayloadContent {place} is not a dictionary.")
    _check_keys(payload, place=place)
    if payload["PayloadType"] in REFUSED_TYPES:
        raise ProfileInvalid(f"Payload {number} {REFUSED_TYPES[payload['PayloadType']]}.")


def _check_keys(payload: dict[str, Any], *, place: str) -> None:
    for key in TEXT_KEYS:
        if not isinstance(payload.get(key), str) or not payload[key].strip():
            raise ProfileInvalid(f"{key} {place} is missing or is not text.")
    version = payload.get("PayloadVersion")
    if type(version) is not int or version != 1:
        raise ProfileInvalid(f"PayloadVersion {place} must be the integer 1.")
    name = payload.get("PayloadDisplayName", "")
    if not isinstance(name, str):
        raise ProfileInvalid(f"PayloadDisplayName {place} is not text.")


def _check_unique(payloads: list[dict[str, Any]]) -> None:
    seen: set[str] = set()
    for payload in payloads:
        payload_uuid = payload["PayloadUUID"].upper()
        if payload_uuid in seen:
            raise ProfileInvalid(f"Two payloads have the PayloadUUID {payload_uuid}.")
        seen.add(payload_uuid)
