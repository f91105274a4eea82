"""The device itself: what is engraved in it and never changes."""

import secrets
import uuid
from dataclasses import dataclass

from .platforms import PLATFORMS, Platform

SERIAL_ALPHABET = "0123456789CDFGHJKLMNPQRTVWXY"


@dataclass(frozen=True)
class Hardware:
    """UDID, serial number and name of one device of a platform."""

    platform: Platform
    udid: str
    serial: str
    name: str
    imei: str | None = None

    def mac_address(self, interface: int) -> str:
        """A stable, locally administered address; interface 0, 1, 2, …"""
        seed = uuid.uuid5(uuid.NAMESPACE_OID, f"{self.udid}/{interface}").bytes
        return ":".join(f"{byte:02x}" for byte in b"\x02" + seed[:5])


def make_hardware(platform: Platform | str, *, name: str | None = None) -> Hardware:
    """A new device with believable identifiers."""
    kind = PLATFORMS[platform] if isinstance(platform, str) else platform
    serial = "".join(secrets.choice(SERIAL_ALPHABET) for _ in range(10))
    return Hardware(
        platform=kind,
        udid=_make_udid(kind),
        serial=serial,
        name=name or f"{kind.model_name} {serial[-4:]}",
        imei=_make_imei() if kind.cellular else None,
    )


def _make_udid(platform: Platform) -> str:
    if platform.is_mac:
        return str(uuid.uuid4()).upper()
    # Chip id, dash, ECID: the form since the iPhone XS.
    return f"00008130-{secrets.token_hex(8).upper()}"


def _make_imei() -> str:
    digits = "35" + "".join(secrets.choice("0123456789") for _ in range(12))
    doubled = [int(d) * (2 if i % 2 else 1) for i, d in enumerate(digits)]
    total = sum(value // 10 + value % 10 for value in doubled)
    spaced = digits + str(-total % 10)
    return f"{spaced[:2]} {spaced[2:8]} {spaced[8:14]} {spaced[14]}"
