"""What is checked at start-up."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from enrollment.protocol.device_authority import DeviceAuthorityInvalid
from enrollment.services.device_authority import read_device_authority


@register()
def check_device_authority(**_: Any) -> list[CheckMessage]:
    """Whoever has the key of that CA makes devices of any serial number: say so, loudly."""
    if not settings.DEVICE_CA:
        return []
    try:
        read_device_authority()
    except (OSError, DeviceAuthorityInvalid) as error:
        return [
            Error(
                f"GUARDMDM_DEVICE_CA ({settings.DEVICE_CA}) cannot be used: {error}.",
                hint="Name a PEM file that begins with the CA of your test devices, or unset it.",
                id="enrollment.E001",
            )
        ]
    return [
        Warning(
            "GUARDMDM_DEVICE_CA takes the place of Apple's device CA in the Profile Service: "
            "whoever has its key can pass for any device, and Apple's devices are refused.",
            hint="For tests and simulators only. Unset it on a server that enrolls real devices.",
            id="enrollment.W001",
        )
    ]
