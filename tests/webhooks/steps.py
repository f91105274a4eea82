"""What tests of deliveries do again and again: note events, send what waits, look what came."""

from datetime import timedelta

from tests.webhooks.receiver import Receiver
from webhooks.models import Delivery, Webhook
from webhooks.services.events import note_event
from webhooks.services.sending import send_portion


def note(*numbers: int, event_type: str = "device.enrolled") -> None:
    for number in numbers:
        note_event(event_type, lambda number=number: {"number": number})  # type: ignore[misc]


def send(webhook: Webhook, *, later: timedelta | None = None) -> None:
    """Send until nothing is left for now; `later`: as if so much time had passed."""
    if later is not None:
        for row, names in ((Delivery, ["due_at"]), (Webhook, ["next_attempt_at"])):
            for each in row.objects.all():  # type: ignore[attr-defined]
                for name in names:
                    moment = getattr(each, name)
                    setattr(each, name, moment and moment - later)
                each.save()
    turn = send_portion(webhook.pk)
    while turn is not None:
        turn = send_portion(webhook.pk, claim=turn.claim)


def get_numbers(receiver: Receiver) -> list[int]:
    return [event["data"]["number"] for event in receiver.events]


def get_states() -> list[str]:
    return list(Delivery.objects.order_by("id").values_list("state", flat=True))
