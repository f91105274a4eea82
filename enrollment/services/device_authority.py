"""The CA whose devices are taken for Apple's: Apple's own, or the one that a setting names."""

from functools import lru_cache
from pathlib import Path

from django.conf import settings

from enrollment.errors import NotReady
from enrollment.protocol.device_authority import (
    DeviceAuthority,
    DeviceAuthorityInvalid,
    decode_authority,
)

APPLE = Path(__file__).resolve().parent.parent / "device_ca" / "apple.pem"


def get_device_authority() -> DeviceAuthority:
    """Return Apple's device CA, or that of settings.DEVICE_CA; raises NotReady where unusable."""
    try:
        return read_device_authority()
    except (OSError, DeviceAuthorityInvalid) as error:
        raise NotReady("server_not_set_up", f"GUARDMDM_DEVICE_CA: {error}") from error


def read_device_authority() -> DeviceAuthority:
    """The same; raises OSError or DeviceAuthorityInvalid. A file that has changed is read anew."""
    path = Path(settings.DEVICE_CA or APPLE)
    return _read(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _read(path: Path, _changed: int) -> DeviceAuthority:
    return decode_authority(path.read_bytes())
