"""Whether other servers take what they are told."""

from django.utils import timezone

from guardmdm.health.findings import Finding
from webhooks.models import Webhook, WebhookState
from webhooks.selectors import list_failing, list_webhooks


def has_webhooks() -> bool:
    return Webhook.objects.exists()


def _describe_well() -> str:
    late = list_webhooks().filter(state=WebhookState.ACTIVE, failing_since__isnull=False)
    if names := [f"“{each.name}”" for each in late.order_by("name")]:
        return f"{', '.join(names)} took nothing at last, for less than an hour; tried again"
    return "their receivers take what they are sent"


def check_webhooks() -> Finding:
    """A warning: devices and people notice nothing of it."""
    failing = list_failing(now=timezone.now())
    if not failing:
        return Finding("webhooks", _describe_well())
    texts = [
        f"“{each.name}” is paused: {each.pause_reason}"
        if each.state == WebhookState.PAUSED
        else f"“{each.name}” could not be delivered to since {each.failing_since:%-d %b, %H:%M} UTC"
        for each in failing
    ]
    return Finding("webhooks", "; ".join(texts), "See System › Webhooks.")
