"""Would Apple's client install this profile? Reads, verifies and checks it.

Source: Apple's schema mdm/profiles (TopLevel, CommonPayloadKeys, com.apple.mdm,
com.apple.security.scep, .pkcs12, .root and the payload types of KNOWN_KEYS).
"""

import plistlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from xml.parsers.expat import ExpatError

from cryptography import x509

from .cms import verify_signed_data
from .errors import ProfileRefused
from .trust import verify_chain

Plist = dict[str, Any]
MDM = "com.apple.mdm"
SCEP = "com.apple.security.scep"
PKCS12 = "com.apple.security.pkcs12"
IDENTITY_TYPES = (SCEP, PKCS12)
LOOPBACK = ("127.0.0.1", "localhost", "::1", "testserver")
PLIST_ERRORS = (
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ExpatError,
    RecursionError,
)

COMMON_KEYS: dict[str, type] = {
    "PayloadIdentifier": str,
    "PayloadUUID": str,
    "PayloadType": str,
    "PayloadVersion": int,
}
# What each payload type must hold at least, with Apple's types.
KNOWN_KEYS: dict[str, dict[str, type]] = {
    MDM: {"IdentityCertificateUUID": str, "Topic": str, "ServerURL": str},
    SCEP: {"PayloadContent": dict},
    PKCS12: {"PayloadContent": bytes},
    "com.apple.security.root": {"PayloadContent": bytes},
    "com.apple.security.pkcs1": {"PayloadContent": bytes},
    "com.apple.security.pem": {"PayloadContent": bytes},
    "com.apple.webClip.managed": {"URL": str, "Label": str},
    "com.apple.wifi.managed": {"EncryptionType": str},
    "com.apple.vpn.managed": {"VPNType": str},
    "com.apple.font": {"Font": bytes},
}
CERTIFICATE_TYPES = ("com.apple.security.root", "com.apple.security.pkcs1")


@dataclass(frozen=True)
class CheckedProfile:
    """A profile that the device may install; signer is None when unsigned."""

    plist: Plist
    signer: x509.Certificate | None

    @property
    def identifier(self) -> str:
        return str(self.plist["PayloadIdentifier"])

    def find_payloads(self, *types: str) -> list[Plist]:
        """Its payloads of these types, in order."""
        return [p for p in self.plist["PayloadContent"] if p["PayloadType"] in types]


def check_profile(
    blob: bytes,
    *,
    roots: Sequence[x509.Certificate] | None = None,
    must_be_signed: bool = False,
) -> CheckedProfile:
    """The profile in `blob` (CMS-signed or a bare plist), fully checked.

    roots: when given, a signer must lead to one of them. Raises ProfileRefused,
    CmsInvalid or ChainInvalid.
    """
    plist, signer = open_profile(blob, roots=roots, must_be_signed=must_be_signed)
    check_top_level(plist)
    for payload in plist["PayloadContent"]:
        check_payload(payload)
    _check_unique_uuids(plist)
    return CheckedProfile(plist, signer)


def open_profile(
    blob: bytes, *, roots: Sequence[x509.Certificate] | None, must_be_signed: bool
) -> tuple[Plist, x509.Certificate | None]:
    """The property list in `blob` and its proved signer, whatever kind of profile it is."""
    signer = None
    if blob[:1] == b"\x30":
        proof = verify_signed_data(blob)
        if roots is not None:
            verify_chain(proof.signer, intermediates=proof.certificates, roots=roots)
        blob, signer = proof.content, proof.signer
    elif must_be_signed:
        raise ProfileRefused("the profile is not signed")
    return decode_plist(blob), signer


def decode_plist(blob: bytes) -> Plist:
    """A property list whose root is a dictionary; raises ProfileRefused."""
    try:
        found = plistlib.loads(blob)
    except PLIST_ERRORS as error:
        raise ProfileRefused(f"not a property list: {error}") from error
    if not isinstance(found, dict):
        raise ProfileRefused("the property list's root is not a dictionary")
    return found


def _require(plist: Plist, keys: dict[str, type], *, where: str) -> None:
    for key, kind in keys.items():
        value = plist.get(key)
        if value is None:
            raise ProfileRefused(f"{where} lacks the required key {key}")
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise ProfileRefused(f"{where}: {key} is not a {kind.__name__}")


def check_top_level(plist: Plist) -> None:
    """The keys of the profile itself; raises ProfileRefused."""
    _require(plist, {**COMMON_KEYS, "PayloadContent": list}, where="the profile")
    if plist["PayloadType"] != "Configuration":
        raise ProfileRefused(f"PayloadType is {plist['PayloadType']!r}")
    if plist["PayloadVersion"] != 1:
        raise ProfileRefused("PayloadVersion is not 1")
    if plist.get("TargetDeviceType", 0) not in range(7):
        raise ProfileRefused("TargetDeviceType is not between 0 and 6")
    if plist.get("PayloadScope", "System") not in ("System", "User"):
        raise ProfileRefused("PayloadScope is neither System nor User")


def check_payload(payload: Any) -> None:
    """One payload's common keys and, for known types, its own."""
    if not isinstance(payload, dict):
        raise ProfileRefused("a payload is not a dictionary")
    _require(payload, COMMON_KEYS, where="a payload")
    kind = payload["PayloadType"]
    _require(payload, KNOWN_KEYS.get(kind, {}), where=kind)
    if kind in CERTIFICATE_TYPES:
        _check_certificate(payload)
    if kind == SCEP:
        check_scep(payload["PayloadContent"])


def _check_certificate(payload: Plist) -> None:
    blob = payload["PayloadContent"]
    load = (
        x509.load_pem_x509_certificate
        if blob.startswith(b"-----")
        else x509.load_der_x509_certificate
    )
    try:
        load(blob)
    except ValueError as error:
        where = payload["PayloadType"]
        raise ProfileRefused(f"{where}: not a certificate: {error}") from error


def _check_unique_uuids(plist: Plist) -> None:
    found = [payload["PayloadUUID"] for payload in plist["PayloadContent"]]
    if len({*found, plist["PayloadUUID"]}) != len(found) + 1:
        raise ProfileRefused("a PayloadUUID appears twice")


def check_scep(content: Plist) -> None:
    """The inside of a SCEP payload, whose URL may carry no query."""
    _require(content, {"URL": str}, where=SCEP)
    if urlsplit(content["URL"]).query:
        raise ProfileRefused("the SCEP URL has a query; Apple appends its own")
    if content.get("Key Type", "RSA") not in ("RSA", "ECSECPrimeRandom"):
        raise ProfileRefused("the SCEP “Key Type” is unknown")
    if content.get("Keysize", 1024) not in (1024, 2048, 4096):
        raise ProfileRefused("the SCEP “Keysize” is not 1024, 2048 or 4096")
    optional: dict[str, type] = {
        "CAFingerprint": bytes,
        "Challenge": str,
        "Name": str,
        "Subject": list,
    }
    present = {key: kind for key, kind in optional.items() if key in content}
    _require(content, present, where=SCEP)
    _check_subject(content.get("Subject", []))


def _check_subject(subject: list[Any]) -> None:
    for rdn in subject:
        if not isinstance(rdn, list) or not all(_is_pair(pair) for pair in rdn):
            raise ProfileRefused("the SCEP Subject is not an array of arrays of pairs")


def _is_pair(pair: Any) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and all(isinstance(text, str) for text in pair)


def check_enrollment(profile: CheckedProfile) -> Plist:
    """The one MDM payload of an enrollment profile, by Apple's rules for it."""
    payloads = profile.find_payloads(MDM)
    if len(payloads) != 1:
        raise ProfileRefused(f"{len(payloads)} MDM payloads where one is needed")
    mdm = payloads[0]
    _check_identity_reference(mdm, profile)
    if not mdm["Topic"].startswith("com.apple.mgmt."):
        raise ProfileRefused("the MDM Topic does not start with com.apple.mgmt.")
    for key in ("ServerURL", "CheckInURL"):
        if key in mdm:
            check_url(mdm[key], key=key)
    _check_access_rights(mdm)
    return mdm


def _check_identity_reference(mdm: Plist, profile: CheckedProfile) -> None:
    identities = profile.find_payloads(*IDENTITY_TYPES)
    if mdm["IdentityCertificateUUID"] not in [i["PayloadUUID"] for i in identities]:
        raise ProfileRefused("IdentityCertificateUUID names no SCEP or PKCS12 payload")


def check_url(url: str, *, key: str) -> None:
    """https, or loopback as a developer's stand-in; raises ProfileRefused."""
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme != "http" or parts.hostname not in LOOPBACK:
        raise ProfileRefused(f"{key} is not https: {url}")


def _check_access_rights(mdm: Plist) -> None:
    if "AccessRights" not in mdm:
        raise ProfileRefused("com.apple.mdm lacks AccessRights")
    rights = mdm["AccessRights"]
    if not isinstance(rights, int) or not 0 < rights < 8192 * 2:
        raise ProfileRefused(f"AccessRights {rights!r} is not usable")
    if rights & 2 and not rights & 1:
        raise ProfileRefused("AccessRights bit 2 requires bit 1")
    if rights & 128 and not rights & 64:
        raise ProfileRefused("AccessRights bit 128 requires bit 64")


FIXED_KEYS = ("Topic", "ServerURL", "CheckInURL", "EnrollmentMode")


def check_renewal(new: Plist, *, old: Plist) -> None:
    """What an update of the MDM payload may not change (com.apple.mdm.yaml)."""
    for key in FIXED_KEYS:
        if new.get(key) != old.get(key):
            raise ProfileRefused(f"an update may not change {key}")
    if new["AccessRights"] & ~old["AccessRights"]:
        raise ProfileRefused("an update may not gain AccessRights")
