"""Keeps devices in a folder, one property list each, so that they outlive a restart.

The folder holds private keys: files are written for their owner only.
"""

import os
import plistlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from .hardware import Hardware
from .platforms import PLATFORMS
from .profile_check import Plist
from .state import DeviceState, Identity, InstalledApplication, InstalledProfile

SUFFIX = ".plist"
PLAIN_FIELDS = (
    "token",
    "push_magic",
    "mdm",
    "mdm_identifier",
    "roots_pem",
    "checked_in",
    "unlock_token_sent",
    "lock_pin",
    "restarts",
    "erased",
    "packages",
    "status_url",
    "bootstrap_token",
    "declarations_token",
    "declarations",
)


def encode_identity(identity: Identity) -> Plist:
    """Key and certificate as PEM."""
    key = identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return {"key": key, "certificate": identity.certificate.public_bytes(Encoding.PEM)}


def decode_identity(plist: Plist) -> Identity:
    """The reverse of encode_identity; raises TypeError for a key that is not RSA."""
    key = load_pem_private_key(plist["key"], password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("the stored key is not RSA")
    return Identity(key, x509.load_pem_x509_certificate(plist["certificate"]))


def encode_device(hardware: Hardware, *, state: DeviceState) -> Plist:
    """A device as a property list; keys whose value is None are left out."""
    plist: Plist = {
        "hardware": _without_none(asdict(hardware) | {"platform": hardware.platform.name}),
        "state": _without_none({name: getattr(state, name) for name in PLAIN_FIELDS}),
        "profiles": {name: asdict(each) for name, each in state.profiles.items()},
        "applications": {
            name: _without_none(asdict(each)) for name, each in state.applications.items()
        },
    }
    if state.identity:
        plist["identity"] = encode_identity(state.identity)
    return plist


def _without_none(values: dict[str, Any]) -> Plist:
    return {key: value for key, value in values.items() if value is not None}


def decode_device(plist: Plist) -> tuple[Hardware, DeviceState]:
    """The reverse of encode_device."""
    engraved = plist["hardware"]
    hardware = Hardware(**{**engraved, "platform": PLATFORMS[engraved["platform"]]})
    state = DeviceState(
        **plist["state"],
        identity=decode_identity(plist["identity"]) if "identity" in plist else None,
        profiles={name: InstalledProfile(**each) for name, each in plist["profiles"].items()},
        applications={
            name: InstalledApplication(**each) for name, each in plist["applications"].items()
        },
    )
    return hardware, state


def write_private(path: Path, *, content: bytes) -> None:
    """Writes a file for its owner only, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    draft.replace(path)


def save_device(folder: Path, *, hardware: Hardware, state: DeviceState) -> None:
    """Writes the device, or removes its file once it is no longer managed."""
    path = folder / f"{hardware.udid}{SUFFIX}"
    if not state.checked_in:
        path.unlink(missing_ok=True)
        return
    write_private(path, content=plistlib.dumps(encode_device(hardware, state=state)))


def load_devices(folder: Path) -> list[tuple[Hardware, DeviceState]]:
    """Every device of the folder in order of UDID; none when it does not exist."""
    return [
        decode_device(plistlib.loads(path.read_bytes()))
        for path in sorted(folder.glob(f"*{SUFFIX}"))
    ]
