"""What waits for a receiver keeps its order when somebody tries it before its time."""

from datetime import timedelta

import pytest

from tests.webhooks.conftest import MakeWebhook
from tests.webhooks.receiver import Receiver
from tests.webhooks.steps import get_numbers, get_states, note, send
from webhooks.models import Delivery, WebhookState
from webhooks.services.webhooks import (
    pause_webhook,
    resume_webhook,
    send_again,
    send_test,
    update_webhook,
)

pytestmark = pytest.mark.django_db


def get_told(receiver: Receiver) -> list[int]:
    """Without the tests."""
    return [each["data"]["number"] for each in receiver.events if each["type"] != "webhook.test"]


def test_what_waits_follows_in_order_when_a_test_arrives(
    receiver: Receiver, make_webhook: MakeWebhook
) -> None:
    webhook, _ = make_webhook("device.enrolled")
    receiver.statuses = [500]
    note(1, 2, 3)
    send(webhook)
    send_test(webhook, actor="tests")
    send(webhook)
    assert receiver.types == ["device.enrolled", "webhook.test", *["device.enrolled"] * 3]
    assert get_told(receiver) == [1, 1, 2, 3]
    assert set(get_states()) == {"delivered"}


def test_nothing_overtakes_what_waits_when_a_test_fails(
    receiver: Receiver, make_webhook: MakeWebhook
) -> None:
    webhook, _ = make_webhook("device.enrolled")
    receiver.statuses = [500, 500, 500]
    note(1, 2)
    send(webhook)
    send(webhook, later=timedelta(minutes=2))
    send_test(webhook, actor="tests")
    send(webhook)
    send(webhook, later=timedelta(minutes=2))
    assert receiver.types == [*["device.enrolled"] * 2, "webhook.test"]
    send(webhook, later=timedelta(minutes=4))
    assert get_told(receiver) == [1, 1, 1, 2]


@pytest.mark.parametrize("status", [500, 429])
def test_what_waits_goes_out_in_order_at_once_when_it_is_resumed(
    receiver: Receiver, make_webhook: MakeWebhook, status: int
) -> None:
    webhook, _ = make_webhook("device.enrolled")
    receiver.statuses = [status]
    note(1, 2)
    send(webhook)
    other, _ = make_webhook("device.enrolled")
    for each in (webhook, other):
        pause_webhook(each, actor="tests")
    resume_webhook(webhook, actor="tests")
    send(webhook)
    assert get_numbers(receiver) == [1, 1, 2]
    other.refresh_from_db()
    assert other.state == WebhookState.PAUSED


def test_what_waits_goes_out_in_order_at_once_when_the_address_is_another(
    receiver: Receiver, make_webhook: MakeWebhook
) -> None:
    webhook, _ = make_webhook("device.enrolled", url="https://localhost:1/hook")
    note(1, 2)
    send(webhook)
    url = f"{receiver.url}/new"
    update_webhook(webhook, name="x", url=url, events=webhook.events, actor="tests")
    send(webhook)
    assert get_numbers(receiver) == [1, 2]


def test_what_waits_goes_first_when_a_test_is_refused(
    receiver: Receiver, make_webhook: MakeWebhook
) -> None:
    webhook, _ = make_webhook("device.enrolled")
    receiver.statuses = [503, 400]
    note(1, 2)
    send(webhook)
    send_test(webhook, actor="tests")
    send(webhook)
    assert receiver.types == ["device.enrolled", "webhook.test", *["device.enrolled"] * 2]
    assert get_told(receiver) == [1, 1, 2]


def test_what_waits_goes_first_when_a_message_that_is_sent_again_is_refused(
    receiver: Receiver, make_webhook: MakeWebhook
) -> None:
    webhook, _ = make_webhook("device.enrolled")
    note(1)
    send(webhook)
    receiver.statuses = [503, 400]
    note(2, 3)
    send(webhook)
    send_again(Delivery.objects.order_by("id")[0], actor="tests")
    send(webhook)
    assert get_numbers(receiver) == [1, 2, 1, 2, 3]


def test_a_message_that_is_sent_again_tries_for_all_when_the_receiver_is_down(
    receiver: Receiver, make_webhook: MakeWebhook
) -> None:
    webhook, _ = make_webhook("device.enrolled")
    note(1)
    send(webhook)
    receiver.statuses = [503, 503, 503]
    note(2, 3)
    send(webhook)
    send(webhook, later=timedelta(minutes=2))
    send_again(Delivery.objects.order_by("id")[0], actor="tests")
    send(webhook)
    send(webhook, later=timedelta(seconds=70))
    assert get_numbers(receiver) == [1, 2, 2, 1, 1, 2, 3]
