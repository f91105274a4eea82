"""Webhooks: made, changed, paused, deleted; each by an administrator, and audited."""

import secrets as random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from organization.models import hold_row
from organization.protocol.one_line import is_one_line
from organization.services import audit
from scep.errors import AddressRefused
from scep.protocol.addresses import decode_target
from webhooks.errors import WebhookGone, WebhookInvalid, WebhookPaused
from webhooks.models import Delivery, DeliveryState, Webhook, WebhookState
from webhooks.protocol.event_types import EVENT_TYPES
from webhooks.protocol.messages import encode_secret
from webhooks.selectors import hide_path, select_held
from webhooks.services.events import note_test
from webhooks.services.interest import Interest
from webhooks.signals import deliveries_waiting

MOST_WEBHOOKS = 20
"""Each event is stored once for each that wants it, while a device waits."""
MAX_NAME = 100
SECRET_BYTES = 32
BOTH_SECRETS = timedelta(hours=24)


@transaction.atomic
def create_webhook(
    *, name: str, url: str, events: Sequence[str], actor: str
) -> tuple[Webhook, str]:
    """Return the row and its secret (`whsec_…`, 256 random bits), which is never seen again.

    Raises WebhookInvalid.
    """
    if Webhook.objects.count() >= MOST_WEBHOOKS:
        raise WebhookInvalid(f"There are {MOST_WEBHOOKS} webhooks already.")
    secret = _build_secret()
    webhook = Webhook.objects.create(
        **_check(name=name, url=url, events=events), secret=secret.encode()
    )
    _record(webhook, action="webhook.create", actor=actor, **_describe(webhook))
    return webhook, secret


@transaction.atomic
def update_webhook(
    webhook: Webhook,
    *,
    name: str | None = None,
    url: str | None = None,
    events: Sequence[str] | None = None,
    actor: str,
) -> Webhook:
    """Change what is given: what it is called, where it is, what it wants.

    Of two at once neither undoes what the other left alone. At another address the receiver may be
    well: what waits is sent there at once. Raises WebhookInvalid, and WebhookGone.
    """
    _hold(webhook)
    values = _check(
        name=webhook.name if name is None else name,
        url=webhook.url if url is None else url,
        events=webhook.events if events is None else events,
    )
    if values["url"] != webhook.url:
        values |= {"next_attempt_at": None, "failures": 0, "failing_since": None}
        select_held(webhook.pk).update(due_at=timezone.now())
    _write(webhook, **values)
    _record(webhook, action="webhook.update", actor=actor, **_describe(webhook))
    deliveries_waiting.send(Webhook, webhook_id=webhook.pk)
    return webhook


@transaction.atomic
def pause_webhook(webhook: Webhook, *, actor: str) -> None:
    """Nothing is noted for it any more, and what waits is not sent; again changes nothing.

    Raises WebhookGone.
    """
    _hold(webhook)
    rows = Webhook.objects.filter(pk=webhook.pk, state=WebhookState.ACTIVE)
    if rows.update(state=WebhookState.PAUSED, updated_at=timezone.now()):
        _record(webhook, action="webhook.pause", actor=actor)
    webhook.refresh_from_db()


@transaction.atomic
def resume_webhook(webhook: Webhook, *, actor: str) -> None:
    """It is told of events again, and what waited is sent; raises WebhookGone."""
    _hold(webhook)
    rows = Webhook.objects.filter(pk=webhook.pk, state=WebhookState.PAUSED)
    if rows.update(
        state=WebhookState.ACTIVE,
        pause_reason="",
        failures=0,
        failing_since=None,
        next_attempt_at=None,
        claimed_until=None,
        updated_at=timezone.now(),
    ):
        select_held(webhook.pk).update(due_at=timezone.now())
        _record(webhook, action="webhook.resume", actor=actor)
        deliveries_waiting.send(Webhook, webhook_id=webhook.pk)
    webhook.refresh_from_db()


@transaction.atomic
def delete_webhook(webhook: Webhook, *, actor: str) -> None:
    """Its deliveries, which nobody sees any more, are deleted by and by: see the sweep."""
    _record(webhook, action="webhook.delete", actor=actor)
    Webhook.objects.filter(pk=webhook.pk).delete()


@transaction.atomic
def roll_secret(webhook: Webhook, *, actor: str) -> str:
    """Return a new secret; for BOTH_SECRETS messages are signed with the earlier one, too.

    Raises WebhookGone.
    """
    _hold(webhook)
    secret = _build_secret()
    _write(
        webhook,
        earlier_secret=bytes(webhook.secret or b""),
        earlier_secret_until=timezone.now() + BOTH_SECRETS,
        secret=secret.encode(),
    )
    _record(webhook, action="webhook.roll_secret", actor=actor)
    return secret


@transaction.atomic
def send_test(webhook: Webhook, *, actor: str) -> Delivery:
    """Have a test sent, now, even if the receiver was down.

    Raises WebhookPaused, and WebhookGone.
    """
    _open(webhook)
    _record(webhook, action="webhook.test", actor=actor)
    return note_test(webhook.pk, public_id=webhook.public_id, now=timezone.now())


@transaction.atomic
def send_again(delivery: Delivery, *, actor: str) -> Delivery:
    """Have the same message, with the same id, sent now. Raises WebhookPaused, and WebhookGone."""
    webhook, now = Webhook(pk=delivery.webhook_id), timezone.now()
    _open(webhook)
    Delivery.objects.filter(pk=delivery.pk).update(
        state=DeliveryState.WAITING,
        is_urgent=True,
        attempts=0,
        waiting_since=now,
        due_at=now,
        finished_at=None,
    )
    detail = {"event": delivery.event_id, "type": delivery.event_type}
    _record(webhook, action="webhook.send_again", actor=actor, **detail)
    deliveries_waiting.send(Delivery, webhook_id=webhook.pk)
    delivery.refresh_from_db()
    return delivery


def _hold(webhook: Webhook) -> None:
    hold_row(webhook, gone=WebhookGone("The webhook was deleted."))


def _open(webhook: Webhook) -> None:
    """Let the webhook be tried at once; raises WebhookPaused, and WebhookGone."""
    _hold(webhook)
    rows = Webhook.objects.filter(pk=webhook.pk, state=WebhookState.ACTIVE)
    if not rows.update(next_attempt_at=None):
        raise WebhookPaused("The webhook is paused; resume it first.")


def _check(*, name: str, url: str, events: Sequence[str]) -> dict[str, Any]:
    name = name.strip()
    if not name or len(name) > MAX_NAME or not is_one_line(name):
        raise WebhookInvalid(f"A name has 1 to {MAX_NAME} printable characters.", field="name")
    try:
        decode_target(url)
    except AddressRefused as error:
        raise WebhookInvalid(str(error), field="url") from error
    unknown = [event for event in events if event not in EVENT_TYPES]
    if unknown or not events:
        raise WebhookInvalid("Choose one event or more of those that there are.", field="events")
    # In the catalogue's order, each once.
    return {"name": name, "url": url, "events": [each for each in EVENT_TYPES if each in events]}


def _describe(webhook: Webhook) -> dict[str, Any]:
    return {"url": hide_path(webhook.url), "events": ", ".join(webhook.events)}


def _write(webhook: Webhook, **values: Any) -> None:
    for name, value in values.items():
        setattr(webhook, name, value)
    webhook.save(update_fields=[*values, "updated_at"])


def _build_secret() -> str:
    return encode_secret(random.token_bytes(SECRET_BYTES))


def _record(webhook: Webhook, *, action: str, actor: str, **detail: Any) -> None:
    """Write the audit row; what has changed is known to this process from now on."""
    audit.record(
        actor, action=action, subject_id=webhook.public_id, subject=webhook.name, detail=detail
    )
    Interest.forget()
    transaction.on_commit(Interest.forget)
