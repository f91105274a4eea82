"""Puts profiles into the device's store: enrollment, renewal, InstallProfile."""

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import rsa

from .cms.sign import to_der
from .errors import SimulationFailure
from .habits import RenewalHabit
from .identity import IdentityMaker
from .profile_check import (
    IDENTITY_TYPES,
    MDM,
    CheckedProfile,
    Plist,
    check_enrollment,
    check_profile,
    check_renewal,
)
from .state import Identity, InstalledProfile

if TYPE_CHECKING:
    from .device import SimulatedDevice


def make_identity_maker(
    device: "SimulatedDevice", *, key: rsa.RSAPrivateKey | None = None
) -> IdentityMaker:
    """The device's way to new identities; key: use it instead of a fresh one."""
    return IdentityMaker(device.http, device.hardware, device.habits, key=key, sleep=device.sleep)


def install_enrollment(
    device: "SimulatedDevice", profile: CheckedProfile, *, key: rsa.RSAPrivateKey | None = None
) -> Identity:
    """Obtains the MDM identity, then adopts the profile; nothing changes on failure."""
    mdm = check_enrollment(profile)
    wanted = mdm["IdentityCertificateUUID"]
    payloads = profile.find_payloads(*IDENTITY_TYPES)
    payload = next(each for each in payloads if each["PayloadUUID"] == wanted)
    identity = make_identity_maker(device, key=key).obtain(payload)
    device.state.identity = identity
    device.state.mdm = mdm
    device.state.mdm_identifier = profile.identifier
    store_profile(device, profile)
    device.on_identity(device)
    return identity


def install_managed_profile(device: "SimulatedDevice", blob: bytes) -> None:
    """What InstallProfile does; raises SimulationFailure where a device refuses."""
    profile = check_profile(blob)
    if profile.identifier == device.state.mdm_identifier:
        renew_enrollment(device, profile)
        return
    if profile.find_payloads(MDM):
        raise SimulationFailure("the device is managed already")
    maker = make_identity_maker(device)
    payloads = profile.find_payloads(*IDENTITY_TYPES)
    device.extra_identities[profile.identifier] = [maker.obtain(each) for each in payloads]
    store_profile(device, profile)


def is_renewal(device: "SimulatedDevice", command: Plist) -> bool:
    """Whether a command brings the profile that enrolled the device."""
    blob = command.get("Payload")
    if command.get("RequestType") != "InstallProfile" or not isinstance(blob, bytes):
        return False
    try:
        return check_profile(blob).identifier == device.state.mdm_identifier
    except SimulationFailure:
        return False


def renew_enrollment(device: "SimulatedDevice", profile: CheckedProfile) -> None:
    """The enrollment profile again: a new identity, then a TokenUpdate with it."""
    check_renewal(check_enrollment(profile), old=device.mdm)
    if device.does_now(RenewalHabit.ERROR):
        raise SimulationFailure("the network connection was lost")
    if device.does_now(RenewalHabit.IGNORE):
        return
    install_enrollment(device, profile)
    device.token_update_due = True


def store_profile(device: "SimulatedDevice", profile: CheckedProfile) -> None:
    """Adds or replaces by PayloadIdentifier."""
    signers = [to_der(profile.signer)] if profile.signer else []
    device.profiles[profile.identifier] = InstalledProfile(profile.plist, True, signers)
