"""Which devices a token lets in by serial number: all of them, or those on its list."""

from collections.abc import Sequence

from enrollment.errors import TokenRefused
from enrollment.models import AllowedSerial, EnrollmentToken
from enrollment.protocol.serial_numbers import normalize_serial_number


def add_allowed_serials(token: EnrollmentToken, *, serials: Sequence[str]) -> None:
    """Restrict a new token to these; they come from check_serial_numbers."""
    AllowedSerial.objects.bulk_create(
        AllowedSerial(token=token, serial_number=serial) for serial in serials
    )


def list_allowed_serials(token: EnrollmentToken) -> list[str]:
    """Return the token's list, or its parent's; empty where every device is let in."""
    rows = AllowedSerial.objects.filter(token=token.parent_id or token.pk).order_by("id")
    return list(rows.values_list("serial_number", flat=True))


def check_serial_allowed(token: EnrollmentToken, *, serial_number: str) -> None:
    """Raise TokenRefused unless the token has no list or the serial number stands on it."""
    if not token.allowed_serial_count:
        return
    serial = normalize_serial_number(serial_number)
    allowed = AllowedSerial.objects.filter(token=token.parent_id or token.pk, serial_number=serial)
    if not serial or not allowed.exists():
        said = f"serial number {serial}" if serial else "a device without serial number"
        raise TokenRefused(
            "serial_not_allowed",
            f"token “{token.name}”: {said} is not on its list",
            token_id=token.jti,
        )
