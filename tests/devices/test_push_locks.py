"""Statements over many devices' rows wait for nobody who holds one of them."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from devices.models import Enrollment
from devices.protocol.apns import PushAnswer, Verdict
from devices.services.locks import lock_enrollment
from devices.services.push.claims import claim_pushes
from devices.services.push.outcomes import Outcomes
from devices.services.push.requests import request_due_pushes
from devices.services.push.sending import send_pushes
from devices.services.push.sources import ENROLLMENTS
from tests.devices.fleet import Fleet
from tests.simulator.apns import FakeApns

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no row locks"),
]
PATIENCE = "2s"


@pytest.fixture(autouse=True)
def impatient() -> Iterator[None]:
    """Whoever waits for a lock longer than PATIENCE fails."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{PATIENCE}'")
        yield
        cursor.execute("RESET lock_timeout")


class Holder:
    """Another connection that holds a device's rows, as a bulk's portion does."""

    def __init__(self, enrollment: Enrollment) -> None:
        self._pk = enrollment.pk
        self._is_held, self._may_end = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._hold)

    def __enter__(self) -> "Holder":
        self._thread.start()
        assert self._is_held.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._may_end.set()
        self._thread.join()

    def hold_for(self, seconds: float) -> None:
        """Return when the rows are held; they are let go after so many seconds."""
        self.__enter__()
        threading.Timer(seconds, self._may_end.set).start()

    def _hold(self) -> None:
        with transaction.atomic():
            lock_enrollment(Enrollment.objects.get(pk=self._pk))
            self._is_held.set()
            self._may_end.wait(30)
        connection.close()


def list_in_hand() -> set[int]:
    return set(
        Enrollment.objects.filter(push_claimed_at__isnull=False).values_list("pk", flat=True)
    )


def test_answers_of_other_devices_are_written_while_one_is_held(fleet: Fleet) -> None:
    fleet.add(3)
    second = Enrollment.objects.order_by("pk")[1]
    claims = claim_pushes(ENROLLMENTS, topic=second.topic, limit=9, now=timezone.now())
    outcomes = Outcomes()
    for claim in claims:
        outcomes.add(claim, PushAnswer(Verdict.DELIVERED))
    with Holder(second):
        outcomes.write(now=timezone.now())
        assert list_in_hand() == {second.pk}
    outcomes.write(now=timezone.now())
    assert list_in_hand() == set()


def test_an_answer_is_written_in_the_end_when_the_device_was_held(
    fleet: Fleet, apns: FakeApns
) -> None:
    fleet.add(3)
    second = Enrollment.objects.order_by("pk")[1]
    token, magic = bytes(second.push_token or b""), bytes(second.push_magic or b"").decode()
    holder = Holder(second)
    apns.register(token, magic, second.topic, lambda: holder.hold_for(0.5))
    assert send_pushes().delivered == 3
    assert list_in_hand() == set()


def test_a_push_goes_out_although_the_row_is_held_for_a_moment(fleet: Fleet) -> None:
    fleet.add(2)
    held = Holder(Enrollment.objects.order_by("pk")[1])
    held.hold_for(0.2)
    report = send_pushes()
    assert (report.delivered, report.has_soon) == (2, False)


def test_a_push_comes_soon_where_the_row_is_held_longer(fleet: Fleet) -> None:
    fleet.add(2)
    with Holder(Enrollment.objects.order_by("pk")[1]):
        report = send_pushes()
        assert (report.delivered, report.has_soon) == (1, True)
    report = send_pushes()
    assert (report.delivered, report.has_soon) == (1, False)


def test_the_sweep_asks_for_other_devices_pushes_while_one_is_held(fleet: Fleet) -> None:
    fleet.add(3)
    Enrollment.objects.update(push_requested_at=None)
    second = Enrollment.objects.order_by("pk")[1]
    now = timezone.now()
    with Holder(second):
        assert request_due_pushes(now=now) == 2
    assert request_due_pushes(now=now + timedelta(minutes=1)) == 1
