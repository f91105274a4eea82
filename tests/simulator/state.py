"""What changes in a device while it is managed."""

import secrets
import uuid
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from .profile_check import Plist


@dataclass(frozen=True)
class Identity:
    """The key and certificate that the device answers with."""

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate


@dataclass
class InstalledProfile:
    """One profile in the device's store; signers are DER certificates."""

    plist: Plist
    is_managed: bool
    signers: list[bytes] = field(default_factory=list)


@dataclass
class InstalledApplication:
    """One managed app: bundle identifier, ManagementFlags and what it carries."""

    identifier: str
    management_flags: int
    store_id: int | None = None
    configuration: dict[str, Any] | None = None
    feedback: dict[str, Any] | None = None
    version: str = "1.0"


def _magic() -> str:
    return str(uuid.uuid4()).upper()


@dataclass
class DeviceState:
    """Everything that a wipe or the end of management resets.

    token: 32 bytes, the APNs device token. mdm: the MDM payload while enrolled.
    checked_in: a TokenUpdate was accepted. lock_pin: the PIN that locks a Mac.
    bootstrap_token: what a Mac has escrowed. declarations: by Identifier.
    packages: what a Mac's packages have installed, versions by bundle identifier.
    """

    token: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    push_magic: str = field(default_factory=_magic)
    identity: Identity | None = None
    mdm: Plist | None = None
    mdm_identifier: str | None = None
    profiles: dict[str, InstalledProfile] = field(default_factory=dict)
    applications: dict[str, InstalledApplication] = field(default_factory=dict)
    packages: dict[str, str] = field(default_factory=dict)
    roots_pem: bytes = b""
    checked_in: bool = False
    unlock_token_sent: bool = False
    lock_pin: str | None = None
    restarts: int = 0
    erased: bool = False
    status_url: str | None = None
    bootstrap_token: bytes | None = None
    declarations_token: str | None = None
    declarations: dict[str, Plist] = field(default_factory=dict)
    is_lost: bool = False
    bypass_code: str | None = "3J7YG-KD0X6-MVQ8-21FT-9CRZ"
    recovery_lock: str = ""
    firmware_password: str = ""
    recovery_key: str = ""
    settings: dict[str, Plist] = field(default_factory=dict)
    provisioning_profiles: list[str] = field(default_factory=list)
    books: list[int] = field(default_factory=list)
    updates: list[str] = field(default_factory=list)
