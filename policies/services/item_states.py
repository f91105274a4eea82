"""The steps of one item on one device; each is written at once and told.

Callers hold the lock on the enrollment's row.
"""

from datetime import datetime, timedelta

from policies.models import ItemState, ItemStatus
from policies.signals import item_failed, item_installed

# After the first, second and third failure; then it rests until its version changes or an
# administrator asks again.
RETRY_DELAYS = (timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=4))
# Installed for so long, it starts with a clean record when it vanishes.
STEADY = timedelta(days=1)


def mark_installed(status: ItemStatus, *, now: datetime, note: str = "") -> None:
    """`note` tells people what is odd about it, if anything."""
    _settle(status, state=ItemState.INSTALLED, now=now, error=note)
    status.was_accepted = True
    status.save()
    item_installed.send(ItemStatus, status=status)


def mark_accepted(status: ItemStatus, *, now: datetime) -> None:
    """The device has begun to install an app; as nothing is due, it is asked at once."""
    _settle(status, state=ItemState.INSTALLING, now=now)
    status.was_accepted = True
    status.save()


def mark_failed(status: ItemStatus, *, message: str, now: datetime) -> None:
    """It is tried again, a bounded number of times; a removal stays one."""
    is_removal = status.state == ItemState.REMOVING
    state = ItemState.REMOVING if is_removal else ItemState.FAILED
    _settle(status, state=state, now=now, error=message)
    status.due_at = _next_attempt(status, now=now)
    status.save()
    item_failed.send(ItemStatus, status=status, message=message)


def mark_interrupted(status: ItemStatus, *, was_sent: bool, now: datetime) -> None:
    """Its command was cancelled: what is wanted still is, after a moment of peace."""
    is_removal = status.state == ItemState.REMOVING
    _settle(status, state=ItemState.REMOVING if is_removal else ItemState.PENDING, now=now)
    status.was_accepted |= was_sent
    status.due_at = now + RETRY_DELAYS[0]
    status.save()


def mark_put_off(status: ItemStatus, *, now: datetime) -> None:
    """The device is busy with what it was sent before: the same again, ever more rarely."""
    _settle(status, state=ItemState.PENDING, now=now)
    status.was_accepted = True
    status.due_at = now + RETRY_DELAYS[min(max(status.attempts, 1), len(RETRY_DELAYS)) - 1]
    status.save()


def mark_lost(status: ItemStatus, *, message: str, now: datetime) -> None:
    """The device had it and has it no more: install it again, but not for ever."""
    if status.settled_at is None or now - status.settled_at > STEADY:
        status.attempts = 0
    if status.attempts > len(RETRY_DELAYS):
        mark_failed(status, message=message, now=now)
        return
    due_at = now if status.attempts <= 1 else _next_attempt(status, now=now)
    _settle(status, state=ItemState.PENDING, now=now, error=message)
    status.due_at = due_at
    status.save()


def mark_held(status: ItemStatus, *, until: datetime) -> None:
    """It is to go, but not yet: as no attempt was made, it may go before that moment, too."""
    status.state, status.command_uuid, status.due_at = ItemState.REMOVING, "", until
    status.save()


def mark_removed(status: ItemStatus) -> None:
    """It is gone from the device, and so is its row."""
    status.delete()


def _settle(status: ItemStatus, *, state: str, now: datetime, error: str = "") -> None:
    status.state, status.error = state, error
    status.command_uuid, status.due_at, status.settled_at = "", None, now


def _next_attempt(status: ItemStatus, *, now: datetime) -> datetime | None:
    if not 0 < status.attempts <= len(RETRY_DELAYS):
        return None
    return now + RETRY_DELAYS[status.attempts - 1]
