"""Whether other servers take what they are told."""

from django.utils import timezone

from guardmdm.health.findings import Finding
from webhooks.models import Webhook, WebhookState
from webhooks.selectors import list_failing


def has_webhooks() -> bool:
    return Webhook.objects.exists()


def check_webhooks() -> Finding:
    """A warning: devices and people notice nothing of it."""
    failing = list_failing(now=timezone.now())
    if not failing:
        return Finding("webhooks", "their receivers take what they are sent")
    texts = [
        f"“{each.name}” is paused: {each.pause_reason}"
        if each.state == WebhookState.PAUSED
        else f"“{each.name}” could not be delivered to since {each.failing_since:%-d %b, %H:%M} UTC"
        for each in failing
    ]
    return Finding("webhooks", "; ".join(texts), "See System › Webhooks.")
