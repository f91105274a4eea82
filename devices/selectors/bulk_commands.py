"""Reads of commands to many devices."""

from collections import Counter
from functools import lru_cache

from django.db.models import Count, QuerySet

from devices.models import LARGE_OF_DEVICE, BulkCommand, Command, CommandState, Device
from organization.selectors import Counts

FAILED = (CommandState.ERROR, CommandState.FORMAT_ERROR, CommandState.EXPIRED)


def list_bulk_commands(bulk: BulkCommand) -> QuerySet[Command]:
    """The commands that a bulk command has brought to devices, newest first."""
    rows = Command.objects.filter(bulk=bulk).select_related("device")
    return rows.defer("body", "result", *(f"device__{name}" for name in LARGE_OF_DEVICE))


def count_bulk_states(bulk: BulkCommand) -> Counter[str]:
    """Return how many of its commands are in which state, in the order of the states.

    Of more than 10,000 it may be ten seconds old: a page that is watched asks every three.
    """
    counts = _get_bulk_counts(bulk.pk).get()
    return Counter(
        {state.value: counts[state.value] for state in CommandState if state.value in counts}
    )


@lru_cache(64)
def _get_bulk_counts(key: int) -> Counts[str]:
    rows = Command.objects.filter(bulk=key).order_by().values_list("state")
    return Counts(lambda: rows.annotate(number=Count("pk")).all())


def list_failed_devices(bulk: BulkCommand) -> QuerySet[Device]:
    """The devices that have not obeyed it, and will not any more."""
    failed = Command.objects.filter(bulk=bulk, state__in=FAILED).order_by()
    return Device.objects.filter(pk__in=failed.values("device"))


def list_refused_devices(bulk: BulkCommand) -> list[tuple[Device, str]]:
    """Return the first devices that it was not sent to, each with the reason."""
    reasons: dict[int, str] = dict(bulk.refused_devices)
    rows = Device.objects.filter(pk__in=list(reasons)).defer(*LARGE_OF_DEVICE).order_by("pk")
    return [(device, reasons[device.pk]) for device in rows]
