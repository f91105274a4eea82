"""Requests that a program may send again, because it does not know what came of the first."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from organization.errors import RequestDiffers
from organization.models import ApiKey, RepeatableRequest, lock_until_commit
from organization.models.sealed import get_ring

KEPT = timedelta(hours=24)
# With each new one so many of those that are over go, so that they are never many.
FORGOTTEN_AT_ONCE = 20


@transaction.atomic
def make_once(
    key: ApiKey,
    *,
    text: str,
    asked: Any,
    make: Callable[[], str],
    now: datetime,
) -> str:
    """Return the public id of what `make` makes, or has made for this key under this `text`.

    What was made and the note of it are one transaction: neither is there without the other. Who
    asks at the same time waits for the first. `asked` is what the program wants, as JSON; raises
    RequestDiffers where it wanted something else under this text in the last 24 hours.
    """
    lock_until_commit(f"repeatable request {key.pk} {text}")
    rows = RepeatableRequest.objects.filter(key=key, text=text)
    fingerprints = _fingerprint(asked)
    known = rows.filter(created_at__gt=now - KEPT).first()
    if known is not None:
        if known.fingerprint not in fingerprints:
            raise RequestDiffers("Another request was sent with this Idempotency-Key.")
        return known.made
    rows.delete()
    _forget_old(now)
    made = make()
    RepeatableRequest.objects.create(
        key=key, text=text, fingerprint=fingerprints[0], made=made, created_at=now
    )
    return made


def _forget_old(now: datetime) -> None:
    """Leave those alone that another is deleting."""
    old = RepeatableRequest.objects.filter(created_at__lte=now - KEPT).order_by()
    free = old.select_for_update(skip_locked=True)[:FORGOTTEN_AT_ONCE]
    RepeatableRequest.objects.filter(pk__in=[row.pk for row in free]).delete()


def _fingerprint(asked: Any) -> list[str]:
    """It holds PINs and passwords, which a plain hash would give away to who tries them all."""
    text = json.dumps(asked, sort_keys=True)
    return get_ring().fingerprint(text.encode(), context="organization_repeatablerequest")
