"""Apple's Profile Service as a device goes through it: attributes, a certificate, the profile.

Source: Apple, Over-the-Air Profile Delivery and Configuration; openradar 31423312 for Macs.
"""

import plistlib
from typing import TYPE_CHECKING

from .cms.sign import Signer, build_signed_data
from .errors import ProfileRefused
from .habits import Misbehaviour
from .hardware import Hardware, make_hardware
from .profile_check import IDENTITY_TYPES, SCEP, CheckedProfile, Plist, check_profile, check_url
from .state import Identity
from .web import post_signed

if TYPE_CHECKING:
    from cryptography import x509

    from .device import SimulatedDevice

SERVICE = "Profile Service"
KNOWN_ATTRIBUTES = {"UDID", "VERSION", "PRODUCT", "SERIAL", "MEID", "IMEI", "ICCID"}


def check_service(plist: Plist) -> Plist:
    """The content of phase 1's profile; raises ProfileRefused."""
    content = plist.get("PayloadContent")
    if not isinstance(content, dict):
        raise ProfileRefused("a Profile Service's PayloadContent is not a dictionary")
    for key, kind in (("URL", str), ("DeviceAttributes", list), ("Challenge", str)):
        if not isinstance(content.get(key), kind):
            raise ProfileRefused(f"a Profile Service's {key} is missing or wrong")
    check_url(content["URL"], key="URL")
    unknown = set(content["DeviceAttributes"]) - KNOWN_ATTRIBUTES
    if unknown:
        raise ProfileRefused(f"a Profile Service asks for {sorted(unknown)}")
    return content


def build_attributes(hardware: Hardware, *, wanted: list[str], challenge: str | None) -> Plist:
    """What the device says of itself, as far as it is asked and has it."""
    platform = hardware.platform
    own = {
        "UDID": hardware.udid,
        "SERIAL": hardware.serial,
        "PRODUCT": platform.product_name,
        "VERSION": platform.build_version,
        "IMEI": hardware.imei,
        "MEID": (hardware.imei or "").replace(" ", "")[:14] or None,
    }
    message: Plist = {key: own[key] for key in wanted if own.get(key)}
    if platform.is_mac:
        message |= {"UserID": "501", "UserLongName": "Ada Lovelace", "NotOnConsole": False}
    return message | ({"CHALLENGE": challenge} if challenge is not None else {})


def sign_message(
    message: Plist, *, identity: Identity, hardware: Hardware, chain: "tuple[x509.Certificate, ...]"
) -> bytes:
    """The message as the platform signs it: phones send the chain along, Macs the leaf alone."""
    shape = hardware.platform.signature
    attributes = () if shape.attributes else None
    signer = Signer(identity.key, identity.certificate, shape.digest, attributes)
    sent = () if hardware.platform.is_mac else chain
    return build_signed_data(
        plistlib.dumps(message),
        signers=[signer],
        certificates=[identity.certificate, *sent],
        ber=shape.ber,
    )


def identify(device: "SimulatedDevice", content: Plist) -> Plist:
    """Phase 2: the payload that brings the certificate for phase 3."""
    factory, identity = device.factory, device.factory_identity
    chain = (factory.certificate, *factory.chain)
    message = build_attributes(
        device.hardware, wanted=content["DeviceAttributes"], challenge=content["Challenge"]
    )
    answer = _send(device, content, message=message, identity=identity, chain=chain)
    payloads = answer.find_payloads(*IDENTITY_TYPES)
    if [each["PayloadType"] for each in payloads] != [SCEP]:
        raise ProfileRefused("phase 2's answer is no profile with one SCEP payload")
    return payloads[0]


def configure(device: "SimulatedDevice", content: Plist, *, identity: Identity) -> CheckedProfile:
    """Phase 3: the enrollment profile."""
    hardware = device.hardware
    if device.habits.does(Misbehaviour.OTHER_DEVICE):
        hardware = make_hardware(hardware.platform)
    message = build_attributes(hardware, wanted=content["DeviceAttributes"], challenge=None)
    return _send(device, content, message=message, identity=identity, chain=())


def _send(
    device: "SimulatedDevice",
    content: Plist,
    *,
    message: Plist,
    identity: Identity,
    chain: "tuple[x509.Certificate, ...]",
) -> CheckedProfile:
    body = sign_message(message, identity=identity, hardware=device.hardware, chain=chain)
    agent = device.hardware.platform.scep_agent
    blob = post_signed(device.http, url=content["URL"], body=body, user_agent=agent)
    return check_profile(blob, must_be_signed=True)
