"""What waits too long, or is too much, is given up; what is over is deleted."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.webhooks.conftest import MakeWebhook
from tests.webhooks.receiver import Receiver
from tests.webhooks.steps import get_states, note, send
from webhooks.models import Delivery, DeliveryState
from webhooks.services import sweep
from webhooks.services.sending import send_portion
from webhooks.services.sweep import delete_finished, delete_superfluous, give_up_waiting
from webhooks.services.webhooks import delete_webhook, send_again

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def test_message_is_given_up_when_it_waits_for_days(make_webhook: MakeWebhook) -> None:
    make_webhook("device.enrolled")
    note(1, 2)
    old = Delivery.objects.earliest("id")
    Delivery.objects.filter(pk=old.pk).update(waiting_since=timezone.now() - 3 * DAY)
    assert give_up_waiting(now=timezone.now()) == 1
    assert get_states() == ["given_up", "waiting"]
    assert send_again(old, actor="tests").state == DeliveryState.WAITING
    assert give_up_waiting(now=timezone.now()) == 0


def test_oldest_are_given_up_when_very_many_wait(
    make_webhook: MakeWebhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "MOST_WAITING", 3)
    make_webhook("device.enrolled")
    note(*range(5))
    assert give_up_waiting(now=timezone.now()) == 2
    assert get_states() == ["given_up"] * 2 + ["waiting"] * 3


def test_oldest_are_deleted_when_very_many_are_finished(
    receiver: Receiver, make_webhook: MakeWebhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "MOST_FINISHED", 3)
    webhook, _ = make_webhook("device.enrolled")
    note(*range(5))
    send(webhook)
    note(5)
    assert delete_superfluous() == 2
    left = [row.body.partition('"number":')[2] for row in Delivery.objects.order_by("id")]
    assert left == ["2}}", "3}}", "4}}", "5}}"]


def test_finished_are_deleted_when_history_does_not_reach_so_far(
    receiver: Receiver, make_webhook: MakeWebhook
) -> None:
    webhook, _ = make_webhook("device.enrolled")
    note(1)
    send(webhook)
    note(2)
    assert delete_finished(before=timezone.now() - DAY) == 0
    assert delete_finished(before=timezone.now() + DAY) == 1
    assert get_states() == ["waiting"]


def test_deliveries_go_when_their_webhook_is_deleted(make_webhook: MakeWebhook) -> None:
    webhook, _ = make_webhook("device.enrolled")
    other, _ = make_webhook("device.enrolled")
    note(1)
    delete_webhook(webhook, actor="tests")
    assert send_portion(webhook.pk) is None
    assert delete_superfluous() == 1
    assert Delivery.objects.get().webhook == other
