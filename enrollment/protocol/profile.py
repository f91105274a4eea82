"""The enrollment profile: trust, identity and MDM payloads, as dictionaries.

Apple's names and shapes (Device Management › Profile-Specific Payload Keys). Identifiers
belong to the organization and UUIDs to the session, so that the same session always gives
the same ones: a renewal replaces what is installed instead of adding to it.
"""

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from devices.protocol.plist import encode_plist
from enrollment.protocol.access_rights import check_access_rights

NAMESPACE = uuid.UUID("5b0d6a0e-6f0f-5c53-9c0b-0f5f8f1c9d11")
# TopLevel.TargetDeviceType: keeps an iPhone from asking "for this iPhone or for your watch?".
TARGET_DEVICE_TYPES = {"ios": 1, "ipados": 1, "macos": 5}
# The first can neither be added nor removed later, and Macs may refuse a profile without it: so
# it is there also while users get no channel. Without the second no Mac escrows its bootstrap
# token. `com.apple.mdm.token` would invite GetToken, which is not served.
MAC_CAPABILITIES = ("com.apple.mdm.per-user-connections", "com.apple.mdm.bootstraptoken")

Payload = dict[str, Any]


@dataclass(frozen=True)
class ProfileContext:
    """Whose profile it is. `platform` is ios, ipados, macos or "" where it is not known."""

    session_id: str
    organization_id: str
    organization_name: str
    platform: str

    @property
    def identifier(self) -> str:
        return f"com.guardmdm.{self.organization_id.replace('_', '-')}.enrollment"

    def build_uuid(self, part: str) -> str:
        return str(uuid.uuid5(NAMESPACE, f"{self.session_id}/{part}")).upper()


@dataclass(frozen=True)
class ScepFacts:
    """What a device must know to ask for its certificate, in the payload's own terms.

    `ca_fingerprint`: raw bytes. `retries` and `retry_delay` (seconds) count while the server
    answers PENDING.
    """

    url: str
    name: str
    challenge: str
    key_size: int
    key_usage: int
    ca_fingerprint: bytes
    subject: list[list[list[str]]]
    alternative_names: Mapping[str, str | list[str]] = field(default_factory=dict)
    retries: int = 3
    retry_delay: int = 10


@dataclass(frozen=True)
class MdmFacts:
    """The server as the device will know it for life: neither URL nor topic can change."""

    topic: str
    server_url: str
    check_in_url: str
    access_rights: int


def build_profile(
    context: ProfileContext,
    *,
    roots: Sequence[bytes],
    identity: Payload,
    mdm: MdmFacts,
    consent: Mapping[str, str],
) -> bytes:
    """Return the unsigned profile as an XML property list; `roots`: root CAs, DER, ours first.

    `consent`: what a person reads before the installation, by language code and as `default`.
    """
    profile: Payload = {
        "PayloadType": "Configuration",
        "PayloadVersion": 1,
        "PayloadIdentifier": context.identifier,
        "PayloadUUID": context.build_uuid("profile"),
        "PayloadDisplayName": f"{context.organization_name}: device management",
        "PayloadDescription": (
            f"Lets {context.organization_name} manage this device with GuardMDM."
        ),
        "PayloadOrganization": context.organization_name,
        "ConsentText": dict(consent),
        "PayloadContent": [
            *build_root_payloads(context, roots=roots),
            identity,
            _build_mdm_payload(context, mdm=mdm, identity_uuid=identity["PayloadUUID"]),
        ],
    }
    if context.platform in TARGET_DEVICE_TYPES:
        profile["TargetDeviceType"] = TARGET_DEVICE_TYPES[context.platform]
    return encode_plist(profile)


def build_root_payloads(context: ProfileContext, *, roots: Sequence[bytes]) -> list[Payload]:
    """Return the trust anchors: our own root CA and those above imported CAs."""
    own, *others = roots
    name = f"{context.organization_name}: root certificate"
    payloads = [_build_root(context, part="root", root=own, name=name)]
    for root in others:
        # By its contents, so that each keeps its identifier when others come and go.
        part = f"root-{hashlib.sha256(root).hexdigest()[:16]}"
        payloads.append(_build_root(context, part=part, root=root, name=name))
    return payloads


def _build_root(context: ProfileContext, *, part: str, root: bytes, name: str) -> Payload:
    return _build_common(context, part=part, payload_type="com.apple.security.root") | {
        "PayloadDisplayName": name,
        "PayloadCertificateFileName": f"{part}.cer",
        "PayloadContent": root,
    }


def build_scep_payload(
    context: ProfileContext, *, scep: ScepFacts, part: str = "identity"
) -> Payload:
    """Return the payload that makes the device fetch its identity by SCEP.

    `part` tells the payload from others in the same organization's profiles.
    """
    content: Payload = {
        "URL": scep.url,
        "Name": scep.name,
        "Subject": scep.subject,
        "Challenge": scep.challenge,
        "Key Type": "RSA",
        "Keysize": scep.key_size,
        "Key Usage": scep.key_usage,
        "CAFingerprint": scep.ca_fingerprint,
        "Retries": scep.retries,
        "RetryDelay": scep.retry_delay,
        "KeyIsExtractable": False,
        "AllowAllAppsAccess": False,
    }
    if scep.alternative_names:
        content["SubjectAltName"] = dict(scep.alternative_names)
    return _build_common(context, part=part, payload_type="com.apple.security.scep") | {
        "PayloadDisplayName": f"{context.organization_name}: device identity",
        "PayloadContent": content,
    }


def build_pkcs12_payload(context: ProfileContext, *, pkcs12: bytes, password: str) -> Payload:
    """Return an identity with its key inside, for tokens without a SCEP profile."""
    payload = _build_common(context, part="identity", payload_type="com.apple.security.pkcs12") | {
        "PayloadDisplayName": f"{context.organization_name}: device identity",
        "PayloadCertificateFileName": "identity.p12",
        "PayloadContent": pkcs12,
        "Password": password,
    }
    if context.platform == "macos":  # keys that no other platform knows
        payload |= {"KeyIsExtractable": False, "AllowAllAppsAccess": False}
    return payload


def build_trust_profile(context: ProfileContext, *, roots: Sequence[bytes]) -> bytes:
    """Return the unsigned profile that installs only the root CAs, to be trusted first."""
    return encode_plist(
        {
            "PayloadType": "Configuration",
            "PayloadVersion": 1,
            "PayloadIdentifier": context.identifier.replace(".enrollment", ".trust"),
            "PayloadUUID": context.build_uuid("trust"),
            "PayloadDisplayName": f"{context.organization_name}: root certificate",
            "PayloadDescription": f"Lets this device trust {context.organization_name}'s servers.",
            "PayloadOrganization": context.organization_name,
            "PayloadContent": build_root_payloads(context, roots=roots),
        }
    )


def _build_mdm_payload(context: ProfileContext, *, mdm: MdmFacts, identity_uuid: str) -> Payload:
    payload = _build_common(context, part="mdm", payload_type="com.apple.mdm") | {
        "PayloadDisplayName": f"{context.organization_name}: management",
        "IdentityCertificateUUID": identity_uuid,
        "Topic": mdm.topic,
        "ServerURL": mdm.server_url,
        "CheckInURL": mdm.check_in_url,
        "SignMessage": True,
        "CheckOutWhenRemoved": True,
        "AccessRights": check_access_rights(mdm.access_rights),
    }
    if context.platform not in ("ios", "ipados"):  # an unknown device may be a Mac
        payload["ServerCapabilities"] = list(MAC_CAPABILITIES)
    return payload


def _build_common(context: ProfileContext, *, part: str, payload_type: str) -> Payload:
    members: Mapping[str, Any] = {
        "PayloadType": payload_type,
        "PayloadVersion": 1,
        "PayloadIdentifier": f"{context.identifier}.{part}",
        "PayloadUUID": context.build_uuid(part),
        "PayloadOrganization": context.organization_name,
    }
    return dict(members)
