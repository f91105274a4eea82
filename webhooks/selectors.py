"""Reads of webhooks and their deliveries."""

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.db.models import Q, QuerySet

from webhooks.models import IS_WAITING, Delivery, Webhook, WebhookState
from webhooks.protocol.attempts import BUSY

LONG = timedelta(hours=1)
"""A receiver that is restarted is back before."""
SECRETS = ("secret", "earlier_secret")


def list_webhooks() -> QuerySet[Webhook]:
    """Return all, without their secrets."""
    return Webhook.objects.defer(*SECRETS)


def select_ready(*, now: datetime) -> QuerySet[Webhook]:
    """Return the webhooks that may be sent something now."""
    may = Q(next_attempt_at=None) | Q(next_attempt_at__lte=now)
    return Webhook.objects.filter(may, state=WebhookState.ACTIVE)


def select_due(webhook_id: int, *, now: datetime) -> QuerySet[Delivery]:
    """Return what is to be sent to the webhook, in order: what somebody waits for comes first."""
    due = Delivery.objects.filter(IS_WAITING, webhook_id=webhook_id, due_at__lte=now)
    return due.order_by("-is_urgent", "id")


def select_held(webhook_id: int) -> QuerySet[Delivery]:
    """Return what was tried while the receiver was down, in order: all behind it waits, too."""
    is_down = Q(last_status=None) | Q(last_status__gte=500) | Q(last_status__in=BUSY)
    tried = Delivery.objects.filter(IS_WAITING, is_down, webhook_id=webhook_id, attempts__gt=0)
    return tried.order_by("id")


def list_failing(*, now: datetime) -> list[Webhook]:
    """Return the webhooks whose receivers take nothing for long, or want nothing any more."""
    failing = Q(state=WebhookState.ACTIVE, failing_since__lte=now - LONG)
    ended = Q(state=WebhookState.PAUSED) & ~Q(pause_reason="")
    return list(list_webhooks().filter(failing | ended).order_by("name"))


def hide_path(url: str) -> str:
    """Return the URL for people who are not to send anything there themselves."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/…"
