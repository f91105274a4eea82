"""Messages go out here, and nowhere else; each task may run twice, or never."""

from celery import shared_task
from django.utils import timezone

from webhooks.services.sending import send_portion
from webhooks.services.sweep import delete_superfluous, give_up_waiting, list_stalled


@shared_task  # type: ignore[untyped-decorator]
def send_deliveries(webhook_id: int, claim: str = "") -> None:
    """Send a portion, and leave the rest to another task: other work gets its turn in between."""
    turn = send_portion(webhook_id, claim=claim)
    if turn is not None:
        send_deliveries.apply_async((webhook_id, turn.claim), countdown=turn.rest or None)


@shared_task  # type: ignore[untyped-decorator]
def sweep_deliveries() -> None:
    """Send what is due again or was left behind; give up and delete what is too old or too much."""
    now = timezone.now()
    give_up_waiting(now=now)
    delete_superfluous()
    for webhook_id in list_stalled(now=now):
        send_deliveries.delay(webhook_id)
