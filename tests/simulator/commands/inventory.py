"""InstalledApplicationList, CertificateList and UserList, as long as those of real devices.

Keys and their systems: Apple's device management schema. Mobile devices tell more of an app
than Macs, which list every application bundle that they find, some without an identifier.
"""

import zlib
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ..profile_check import Plist
from ..trust import load_pem_roots

if TYPE_CHECKING:
    from ..device import SimulatedDevice

GIB, MIB = 2**30, 2**20
MOBILE_APPLICATIONS = {
    "com.apple.Pages": "Pages",
    "com.apple.Numbers": "Numbers",
    "com.apple.Keynote": "Keynote",
    "com.microsoft.Office.Outlook": "Outlook",
    "com.microsoft.skype.teams": "Teams",
    "com.tinyspeck.chatlyio": "Slack",
    "us.zoom.videomeetings": "Zoom",
    "net.whatsapp.WhatsApp": "WhatsApp",
    "ch.sbb.mobile.b2c": "SBB Mobile",
    "com.spotify.client": "Spotify",
}
MAC_APPLICATIONS = {
    "com.apple.Safari": "Safari",
    "com.apple.mail": "Mail",
    "com.apple.iCal": "Calendar",
    "com.apple.Terminal": "Terminal",
    "com.apple.dt.Xcode": "Xcode",
    "com.google.Chrome": "Google Chrome",
    "org.mozilla.firefox": "Firefox",
    "com.microsoft.Word": "Microsoft Word",
    "com.microsoft.Excel": "Microsoft Excel",
    "com.tinyspeck.slackmacgap": "Slack",
    "us.zoom.xos": "zoom.us",
    "com.docker.docker": "Docker",
}
HELPERS = 60  # the bundles inside a Mac's applications that nobody starts by hand
SHARED_VERSIONS = 3


def installed_application_list(device: "SimulatedDevice", command: Plist) -> Plist:
    """Managed apps, and unless ManagedAppsOnly the ones that the person has."""
    names = {identifier: identifier.rsplit(".", 1)[-1] for identifier in device.applications}
    if not command.get("ManagedAppsOnly", False):
        packages = {each: each.rsplit(".", 1)[-1] for each in device.state.packages}
        names = list_own_applications(device) | packages | names
    wanted = command.get("Identifiers")
    return {
        "InstalledApplicationList": [
            describe_application(device, identifier, name=name)
            for identifier, name in names.items()
            if not wanted or identifier in wanted
        ]
    }


def list_own_applications(device: "SimulatedDevice") -> dict[str, str]:
    """Identifier to name of what is there without the server's doing."""
    if not device.hardware.platform.is_mac:
        return dict(MOBILE_APPLICATIONS)
    helpers = {f"com.example.suite.helper{n:02}": f"Suite Helper {n:02}" for n in range(HELPERS)}
    return MAC_APPLICATIONS | helpers


def describe_application(device: "SimulatedDevice", identifier: str, *, name: str) -> Plist:
    """One entry; devices differ in versions and sizes, a device always says the same."""
    number = zlib.crc32(f"{device.udid}/{identifier}".encode())
    minor = number % SHARED_VERSIONS
    installed = device.state.packages.get(identifier)
    if identifier in device.applications:
        installed = device.applications[identifier].version
    entry: Plist = {
        "Identifier": identifier,
        "Name": name,
        "Version": installed or f"{minor}.1.{1000 + minor}",
        "ShortVersion": installed or f"{minor}.1",
        "BundleSize": 20 * MIB + number % GIB,
        "Installing": False,
    }
    if device.hardware.platform.is_mac:
        return entry | {"HasUpdateAvailable": False}
    return entry | {
        "DynamicSize": number % (50 * MIB),
        "IsValidated": True,
        "ExternalVersionIdentifier": 800_000_000 + minor,
        "AppStoreVendable": True,
        "DeviceBasedVPP": False,
        "BetaApp": False,
        "AdHocCodeSigned": False,
        "HasUpdateAvailable": False,
    }


def certificate_list(device: "SimulatedDevice", command: Plist) -> Plist:
    """The identity that it speaks with and the root it came from; both are managed."""
    listed: list[Plist] = []
    if device.state.identity is not None:
        listed.append(_describe_certificate(device.state.identity.certificate, is_identity=True))
    for root in load_pem_roots(device.state.roots_pem) if device.state.roots_pem else ():
        listed.append(_describe_certificate(root, is_identity=False))
    return {"CertificateList": listed}


def _describe_certificate(certificate: x509.Certificate, *, is_identity: bool) -> Plist:
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return {
        "CommonName": str(names[0].value) if names else "",
        "IsIdentity": is_identity,
        "Data": certificate.public_bytes(Encoding.DER),
    }


def user_list(device: "SimulatedDevice", command: Plist) -> Plist:
    """A Mac's one person, and the administrator that came with it."""
    people: list[tuple[int, str, str]] = [(501, "taylor", "Taylor Reed"), (502, "admin", "Admin")]
    return {"Users": [_describe_user(device, *person) for person in people]}


def _describe_user(
    device: "SimulatedDevice", uid: int, name: str, full_name: str
) -> dict[str, Any]:
    return {
        "UserName": name,
        "FullName": full_name,
        "UID": uid,
        "UserGUID": f"{device.udid[:-3]}{uid}",
        "IsLoggedIn": uid == 501,
        "MobileAccount": False,
        "HasSecureToken": True,
    }
