"""Reads of what is kept for people."""

from django.db.models import QuerySet, Window
from django.db.models.functions import RowNumber

from devices.models import Device, EscrowedSecret, SecretKind

LATEST_SECRETS = 3


def list_secrets(device: Device) -> QuerySet[EscrowedSecret]:
    """Return what is kept for people of the device, through all its enrollments, newest first."""
    kept = EscrowedSecret.objects.filter(enrollment__device=device)
    return kept.exclude(kind=SecretKind.REPLY_KEY).select_related("enrollment__device")


def list_latest_secrets(device: Device) -> QuerySet[EscrowedSecret]:
    """Return the latest few of each kind: ten places of a lost Mac hide no recovery key of it."""
    place = Window(RowNumber(), partition_by="kind", order_by="-id")
    return list_secrets(device).annotate(place=place).filter(place__lte=LATEST_SECRETS)
