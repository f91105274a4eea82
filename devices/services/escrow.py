"""Secrets that are kept for the organization: put in, confirmed by the device, revealed."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from devices.models import Enrollment, EscrowedSecret, SecretKind
from devices.protocol.recovery_key import build_reply_key
from organization.services.audit import record


def keep_secret(
    enrollment: Enrollment,
    *,
    kind: str,
    value: str,
    command_uuid: str = "",
    confirmed_at: datetime | None = None,
) -> EscrowedSecret:
    """Keep a secret; "" says that the device has none of this kind any more."""
    return EscrowedSecret.objects.create(
        enrollment=enrollment,
        kind=kind,
        value=value.encode(),
        command_uuid=command_uuid,
        confirmed_at=confirmed_at,
    )


def forget_untold(command_uuids: Iterable[str]) -> None:
    """Delete what these commands were to set: they were over before any device had them."""
    untold = EscrowedSecret.objects.filter(command_uuid__in=command_uuids, confirmed_at=None)
    untold.exclude(command_uuid="").delete()


def find_secret(enrollment: Enrollment, *, kind: str) -> str:
    """Return what the device has confirmed last, or ""."""
    kept = EscrowedSecret.objects.filter(enrollment=enrollment, kind=kind)
    row = kept.filter(confirmed_at__isnull=False).first()
    return (row.value or b"").decode() if row else ""


def get_reply_key(enrollment: Enrollment, *, now: datetime) -> bytes:
    """Return the key that encrypted answers of this enrollment are opened with, new at first."""
    kept = EscrowedSecret.objects.filter(enrollment=enrollment, kind=SecretKind.REPLY_KEY).first()
    if kept is not None and kept.value:
        return kept.value
    value = build_reply_key(now=now)
    keep_secret(enrollment, kind=SecretKind.REPLY_KEY, value=value.decode(), confirmed_at=now)
    return value


@transaction.atomic
def reveal_secret(secret: EscrowedSecret, *, actor: str) -> str:
    """Return the secret for a person's eyes; doors find it with selectors.list_secrets."""
    device = secret.enrollment.device
    detail = {"secret": secret.public_id, "kind": secret.kind}
    record(
        actor,
        action="secret.reveal",
        subject_id=device.public_id,
        subject=str(device),
        detail=detail,
    )
    return (secret.value or b"").decode()
