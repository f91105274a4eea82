"""Reads of webhooks and their deliveries."""

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.db.models import Q, QuerySet

from webhooks.models import IS_WAITING, Delivery, Webhook, WebhookState

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


def list_failing(*, now: datetime) -> list[Webhook]:
    """Return the webhooks whose receivers take nothing for long, or want nothing any more."""
    failing = Q(state=WebhookState.ACTIVE, failing_since__lte=now - LONG)
    ended = Q(state=WebhookState.PAUSED) & ~Q(pause_reason="")
    return list(list_webhooks().filter(failing | ended).order_by("name"))


def hide_path(url: str) -> str:
    """Return the URL for people who are not to send anything there themselves."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/…"
