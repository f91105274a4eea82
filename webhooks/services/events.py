"""Events are noted where they happen, in the same transaction; they are sent afterwards."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.utils import timezone

from organization.models import insert_row
from organization.protocol.public_id import build_public_id
from webhooks.models import Delivery
from webhooks.protocol.event_types import TEST
from webhooks.protocol.messages import build_body
from webhooks.services.interest import Interest
from webhooks.signals import deliveries_waiting

Describe = Callable[[], dict[str, Any]]
EVENT_PREFIX = "evt"


def note_event(event_type: str, describe: Describe) -> None:
    """Store the event for each webhook that wants it; `describe` is asked only where one does."""
    webhook_ids = Interest.find(event_type)
    if not webhook_ids:
        return
    try:
        data = describe()
    except ObjectDoesNotExist:  # deleted meanwhile, with its history: there is nobody to tell of
        return
    now, event_id = timezone.now(), build_public_id(EVENT_PREFIX)
    body = build_body(event_id, event_type=event_type, created_at=now, data=data)
    for webhook_id in webhook_ids:
        delivery = _build_delivery(webhook_id, event_id, event_type=event_type, body=body, now=now)
        insert_row(delivery)
        deliveries_waiting.send(Delivery, webhook_id=webhook_id)


def note_test(webhook_id: int, *, public_id: str, now: datetime) -> Delivery:
    """Store a test for one webhook; it is sent before what waits, and tried once."""
    event_id = build_public_id(EVENT_PREFIX)
    data = {"webhook": {"id": public_id}}
    body = build_body(event_id, event_type=TEST, created_at=now, data=data)
    delivery = _build_delivery(webhook_id, event_id, event_type=TEST, body=body, now=now)
    delivery.is_urgent = True
    insert_row(delivery)
    deliveries_waiting.send(Delivery, webhook_id=webhook_id)
    return delivery


def _build_delivery(
    webhook_id: int, event_id: str, *, event_type: str, body: str, now: datetime
) -> Delivery:
    return Delivery(
        webhook_id=webhook_id,
        event_id=event_id,
        event_type=event_type,
        body=body,
        waiting_since=now,
        due_at=now,
    )
