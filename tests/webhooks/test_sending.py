"""Messages arrive, signed and in order, whatever the receiver and the workers do meanwhile."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from tests.scep.external.test_outbound import resolve_to
from tests.webhooks.conftest import MakeWebhook
from tests.webhooks.receiver import Receiver, verify
from tests.webhooks.steps import get_numbers, get_states, note, send
from webhooks import tasks
from webhooks.models import Delivery, DeliveryState, Webhook, WebhookState
from webhooks.protocol.attempts import MOST_ATTEMPTS
from webhooks.selectors import list_failing
from webhooks.services import sending
from webhooks.services.sending import send_portion
from webhooks.services.sweep import (
    list_stalled,
)
from webhooks.services.webhooks import (
    pause_webhook,
    resume_webhook,
    roll_secret,
    send_again,
    send_test,
    update_webhook,
)

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def test_message_arrives_signed_when_its_event_is_wanted(
    receiver: Receiver, make_webhook: MakeWebhook
) -> None:
    webhook, secret = make_webhook("device.enrolled")
    note(1)
    note(2, event_type="device.unenrolled")
    send(webhook)
    (asked,) = receiver.asked
    assert (asked.method, asked.path) == ("POST", "/hook")
    assert asked.headers["Content-Type"] == "application/json"
    event = verify(asked, secret=secret)
    assert (event["type"], event["data"]) == ("device.enrolled", {"number": 1})
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.last_status, delivery.attempts) == ("delivered", 204, 1)
    assert delivery.event_id == event["id"]


def test_messages_arrive_in_order_when_there_are_several_portions(
    receiver: Receiver, make_webhook: MakeWebhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "PORTION", 3)
    webhook, _ = make_webhook("device.enrolled")
    note(*range(8))
    first = send_portion(webhook.pk)
    assert first is not None
    assert get_numbers(receiver) == [0, 1, 2]
    assert send_portion(webhook.pk) is None  # the turn is another's
    second = send_portion(webhook.pk, claim=first.claim)
    assert second is not None
    assert send_portion(webhook.pk, claim=first.claim) is None  # run twice by the broker
    assert send_portion(webhook.pk, claim=second.claim) is None
    assert get_numbers(receiver) == [*range(8)]
    note(8)  # a new chain may begin
    send(webhook)
    assert get_numbers(receiver)[-1] == 8


def test_event_has_the_same_id_for_each_webhook(
    receiver: Receiver, make_webhook: MakeWebhook
) -> None:
    hooks = [make_webhook("device.enrolled") for _ in range(2)]
    note(1)
    for webhook, secret in hooks:
        send(webhook)
        verify(receiver.asked[-1], secret=secret)
    assert len({event["id"] for event in receiver.events}) == 1


def test_message_is_tried_again_later_and_later_and_then_given_up(
    receiver: Receiver, make_webhook: MakeWebhook
) -> None:
    webhook, _ = make_webhook("device.enrolled")
    receiver.status = 503
    note(1)
    send(webhook)
    send(webhook)
    assert len(receiver.asked) == 1
    waits = []
    while Delivery.objects.get().state == DeliveryState.WAITING:
        waits.append(Delivery.objects.get().due_at - timezone.now())
        send(webhook, later=waits[-1] - timedelta(seconds=30))
        assert len(receiver.asked) == len(waits)
        send(webhook, later=timedelta(seconds=31))
    minutes = [round(wait.total_seconds() / 60) for wait in waits]
    assert minutes == [1, 5, 30, 120, 360, 720]
    assert len(receiver.asked) == MOST_ATTEMPTS
    assert len({asked.headers["webhook-id"] for asked in receiver.asked}) == 1
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.last_status) == (DeliveryState.GIVEN_UP, 503)
    assert delivery.last_error == "the receiver answered 503 Service Unavailable"


def test_messages_keep_their_order_and_are_not_tried_when_the_receiver_is_down(
    receiver: Receiver, make_webhook: MakeWebhook
) -> None:
    webhook, _ = make_webhook("device.enrolled")
    receiver.statuses = [500]
    note(1, 2, 3)
    send(webhook)
    note(4)
    send(webhook)
    assert get_numbers(receiver) == [1]
    assert list_stalled(now=timezone.now()) == []
    send(webhook, later=timedelta(minutes=2))
    assert get_numbers(receiver) == [1, 1, 2, 3, 4]
    webhook.refresh_from_db()
    assert (webhook.failures, webhook.failing_since) == (0, None)


def test_others_go_on_when_one_message_is_refused(
    receiver: Receiver, make_webhook: MakeWebhook
) -> None:
    webhook, _ = make_webhook("device.enrolled")
    receiver.statuses = [400]
    note(1, 2, 3)
    send(webhook)
    assert get_numbers(receiver) == [1, 2, 3]
    assert get_states() == ["waiting", "delivered", "delivered"]
    assert "400" in Delivery.objects.earliest("id").last_error


def test_receiver_is_left_alone_when_it_refuses_one_after_the_other(
    receiver: Receiver, make_webhook: MakeWebhook
) -> None:
    webhook, _ = make_webhook("device.enrolled")
    receiver.status = 401
    note(*range(40))
    send(webhook)
    assert len(receiver.asked) == sending.MOST_REFUSED


def test_webhook_is_paused_when_the_receiver_is_gone(
    receiver: Receiver, make_webhook: MakeWebhook
) -> None:
    webhook, _ = make_webhook("device.enrolled")
    receiver.status = 410
    note(1, 2)
    send(webhook)
    send(webhook, later=DAY)
    assert len(receiver.asked) == 1
    webhook.refresh_from_db()
    assert webhook.state == WebhookState.PAUSED
    assert "410" in webhook.pause_reason
    assert list_failing(now=timezone.now()) == [webhook]
    note(3)
    assert Delivery.objects.count() == 2
    receiver.status = 200
    resume_webhook(webhook, actor="tests")
    send(webhook, later=DAY)
    assert get_numbers(receiver) == [1, 1, 2]


def test_nothing_is_noted_or_sent_when_the_webhook_is_paused(
    receiver: Receiver, make_webhook: MakeWebhook
) -> None:
    webhook, _ = make_webhook("device.enrolled")
    note(1)
    pause_webhook(webhook, actor="tests")
    note(2)
    send(webhook)
    assert list_stalled(now=timezone.now()) == []
    assert receiver.asked == []
    resume_webhook(webhook, actor="tests")
    send(webhook)
    assert get_numbers(receiver) == [1]


def test_second_webhook_is_served_when_the_first_ones_receiver_is_slow(
    receiver: Receiver, make_webhook: MakeWebhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "PORTION_SECONDS", 0.2)
    slow, _ = make_webhook("device.enrolled")
    quick, _ = make_webhook("device.unenrolled")
    note(*range(5))
    note(9, event_type="device.unenrolled")
    receiver.seconds = 0.3
    turn = send_portion(slow.pk)
    assert turn is not None
    assert turn.rest >= 0.2  # and meanwhile no worker is at it
    assert get_numbers(receiver) == [0]
    receiver.seconds = 0.0
    send(quick)
    assert get_numbers(receiver) == [0, 9]


def test_receiver_that_does_not_answer_costs_one_message_of_patience(
    receiver: Receiver, make_webhook: MakeWebhook, short: None
) -> None:
    webhook, _ = make_webhook("device.enrolled")
    receiver.seconds = 1.5
    note(1, 2, 3)
    send(webhook)
    assert len(receiver.asked) == 1
    assert "did not answer" in Delivery.objects.earliest("id").last_error


def test_sweep_takes_over_when_a_worker_was_killed(
    receiver: Receiver, make_webhook: MakeWebhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook, _ = make_webhook("device.enrolled")
    note(1, 2)

    class Killed(BaseException):
        pass

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(sending, "_note", die)
        with pytest.raises(Killed):
            send_portion(webhook.pk)
    assert get_numbers(receiver) == [1]
    assert list_stalled(now=timezone.now()) == []
    assert list_stalled(now=timezone.now() + timedelta(minutes=2)) == [webhook.pk]
    Webhook.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    monkeypatch.setattr(tasks.send_deliveries, "delay", tasks.send_deliveries)
    tasks.sweep_deliveries()
    assert get_numbers(receiver) == [1, 1, 2]  # twice, with the same id
    assert receiver.events[0]["id"] == receiver.events[1]["id"]


def test_task_goes_on_until_nothing_is_left(
    receiver: Receiver, make_webhook: MakeWebhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "PORTION", 2)
    webhook, _ = make_webhook("device.enrolled")
    note(*range(5))
    asked: list[tuple[Any, ...]] = []
    monkeypatch.setattr(tasks.send_deliveries, "apply_async", lambda args, **_: asked.append(args))
    tasks.send_deliveries(webhook.pk)
    while asked:
        tasks.send_deliveries(*asked.pop())
    assert get_numbers(receiver) == [*range(5)]


def test_messages_bear_both_signatures_for_a_day_when_the_secret_was_rolled(
    receiver: Receiver, make_webhook: MakeWebhook
) -> None:
    webhook, earlier = make_webhook("device.enrolled")
    secret = roll_secret(webhook, actor="tests")
    note(1)
    send(webhook)
    for each in (secret, earlier):
        verify(receiver.asked[0], secret=each)
    Webhook.objects.update(earlier_secret_until=timezone.now() - timedelta(seconds=1))
    note(2)
    send(webhook)
    verify(receiver.asked[1], secret=secret)
    with pytest.raises(AssertionError):
        verify(receiver.asked[1], secret=earlier)


def test_test_is_sent_before_what_waits_and_tried_once(
    receiver: Receiver, make_webhook: MakeWebhook
) -> None:
    webhook, secret = make_webhook("device.enrolled")
    receiver.statuses = [500]
    note(1)
    send(webhook)
    receiver.status = 500
    delivery = send_test(webhook, actor="tests")
    send(webhook)
    event = verify(receiver.asked[-1], secret=secret)
    assert (event["type"], event["data"]) == (
        "webhook.test",
        {"webhook": {"id": webhook.public_id}},
    )
    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.GIVEN_UP
    receiver.status = 200
    send_test(webhook, actor="tests")
    send(webhook, later=timedelta(minutes=2))
    assert receiver.types == ["device.enrolled", *["webhook.test"] * 2, "device.enrolled"]


def test_message_is_the_same_when_it_is_sent_again(
    receiver: Receiver, make_webhook: MakeWebhook
) -> None:
    webhook, _ = make_webhook("device.enrolled")
    note(1)
    send(webhook)
    send_again(Delivery.objects.get(), actor="tests")
    send(webhook)
    first, second = receiver.asked
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert get_states() == ["delivered"]


def test_what_waits_goes_to_the_new_address_at_once_when_it_is_changed(
    receiver: Receiver, make_webhook: MakeWebhook
) -> None:
    webhook, _ = make_webhook("device.enrolled", url="https://localhost:1/hook")
    note(1, 2)
    send(webhook)
    assert "cannot be reached" in Delivery.objects.earliest("id").last_error
    update_webhook(
        webhook, name="x", url=f"{receiver.url}/new", events=webhook.events, actor="tests"
    )
    send(webhook, later=timedelta(minutes=1))
    assert get_numbers(receiver) == [1, 2]
    assert {asked.path for asked in receiver.asked} == {"/new"}


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1"])
def test_private_address_is_never_called_when_a_name_leads_there(
    address: str, receiver: Receiver, make_webhook: MakeWebhook, monkeypatch: Any, settings: Any
) -> None:
    settings.ALLOW_PRIVATE_URLS = False
    resolve_to(monkeypatch, address)
    port = receiver.url.rpartition(":")[2]
    webhook, _ = make_webhook("device.enrolled", url=f"https://hook.example.com:{port}/")
    note(1)
    send(webhook)
    assert receiver.asked == []
    assert "address" in Delivery.objects.get().last_error


def test_redirect_is_not_followed_when_the_receiver_answers_with_one(
    receiver: Receiver, make_webhook: MakeWebhook
) -> None:
    webhook, _ = make_webhook("device.enrolled")
    receiver.status, receiver.headers = 307, {"Location": f"{receiver.url}/elsewhere"}
    note(1)
    send(webhook)
    assert [asked.path for asked in receiver.asked] == ["/hook"]
    assert "redirects" in Delivery.objects.get().last_error


def test_certificate_is_checked_when_it_is_of_a_ca_that_nobody_trusts(
    receiver: Receiver, make_webhook: MakeWebhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    webhook, _ = make_webhook("device.enrolled")
    note(1)
    send(webhook)
    assert receiver.asked == []
    assert "TLS failed" in Delivery.objects.get().last_error


@pytest.mark.django_db(transaction=True)
def test_each_message_arrives_once_and_in_order_when_many_workers_try(
    receiver: Receiver, make_webhook: MakeWebhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "PORTION", 4)
    webhook, _ = make_webhook("device.enrolled")
    note(*range(20))

    def work(_: int) -> None:
        try:
            for _ in range(5):
                turn = send_portion(webhook.pk)
                while turn is not None:
                    turn = send_portion(webhook.pk, claim=turn.claim)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as workers:
        list(workers.map(work, range(4)))
    send(webhook)
    assert get_numbers(receiver) == [*range(20)]
    assert set(get_states()) == {"delivered"}
