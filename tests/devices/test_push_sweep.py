"""The sweep: what a lost task, a killed worker or a silent device left behind. R4."""

import random
from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone

from devices.models import Command, Enrollment
from devices.services.actions import push_now
from devices.services.push import poke
from devices.services.push.claims import claim_pushes, reclaim_lost
from devices.services.push.poke import poke_silent
from devices.services.push.requests import request_due_pushes
from devices.services.push.sources import ENROLLMENTS, PushSource
from devices.tasks import poke_silent_devices, sweep_commands
from tests.devices.conftest import Enroll
from tests.devices.fleet import Fleet
from tests.devices.pushing import count_by_token, forget_commands, push
from tests.simulator.apns import FakeApns


def test_a_request_whose_task_was_lost_is_sent_with_the_next_one(
    enroll: Enroll, apns: FakeApns
) -> None:
    device = enroll()
    forget_commands()
    push_now(device.row, actor="a")
    assert push(now=timezone.now() + timedelta(minutes=1)) == 1


def test_the_rest_of_a_killed_workers_batch_is_pushed_when_its_time_is_over(
    fleet: Fleet, apns: FakeApns
) -> None:
    fleet.add(10)
    forget_commands()
    now = timezone.now()
    topic = Enrollment.objects.values_list("topic", flat=True)[0]
    assert len(claim_pushes(ENROLLMENTS, topic=topic, limit=6, now=now)) == 6
    assert push(now=now) == 4
    assert request_due_pushes(now=now + timedelta(minutes=1)) == 0
    assert request_due_pushes(now=now + timedelta(minutes=3)) == 6
    assert push(now=now + timedelta(minutes=3)) == 6
    assert count_by_token(apns) == dict.fromkeys(fleet.tokens, 1)


def test_devices_are_pushed_again_when_the_clock_was_set_back_by_a_day(
    fleet: Fleet, apns: FakeApns
) -> None:
    in_hand, ignoring = fleet.add(2)
    ahead = timezone.now() + timedelta(days=1)
    Enrollment.objects.filter(certificate_sha256=in_hand.hex()).update(
        push_claimed_at=ahead, push_sent_at=ahead, push_requested_at=None, push_attempts=1
    )
    Enrollment.objects.filter(certificate_sha256=ignoring.hex()).update(
        push_sent_at=ahead, push_not_before=ahead, push_attempts=2, push_requested_at=None
    )
    assert request_due_pushes(now=timezone.now()) == 2
    assert push() == 2
    assert request_due_pushes(now=timezone.now()) == 0


def test_the_token_update_of_a_device_in_a_killed_workers_hand_is_pushed_at_once(
    enroll: Enroll, apns: FakeApns
) -> None:
    device = enroll()
    claim_pushes(ENROLLMENTS, topic=device.topic, limit=1, now=timezone.now())
    device.token_update()
    push_now(device.row, actor="a")
    assert push() == 1


def test_rows_whose_topic_stands_in_another_row_are_claimed_alike(fleet: Fleet) -> None:
    fleet.add(3)
    topic = Enrollment.objects.values_list("device__udid", flat=True)[0]
    source = PushSource(
        list_open=lambda: Enrollment.objects.annotate(push_topic=F("device__udid")),
        list_due=ENROLLMENTS.list_due,
    )
    now = timezone.now()
    [claim] = claim_pushes(source, topic=topic, limit=10, now=now)
    assert (claim.topic, claim.token.hex()) == (topic, topic)
    assert claim_pushes(source, topic=topic, limit=10, now=now) == []
    assert reclaim_lost(source, now=now + timedelta(minutes=3)) == 1


def test_a_silent_device_is_woken_ever_less_often(enroll: Enroll, apns: FakeApns) -> None:
    enroll()
    start = timezone.now()
    push(now=start)
    for minute in range(0, 24 * 60, 15):
        now = start + timedelta(minutes=minute)
        if request_due_pushes(now=now):
            push(now=now)
    assert 6 < len(apns.deliveries) < 16


def test_a_command_that_was_put_off_is_pushed_for_again(enroll: Enroll, apns: FakeApns) -> None:
    device = enroll()
    push()
    while command := device.take():
        device.take("NotNow", command["CommandUUID"])
        if not Command.objects.filter(state="queued").exists():
            break
    now = timezone.now()
    assert request_due_pushes(now=now) == 0
    assert request_due_pushes(now=now + timedelta(minutes=5)) == 1


def test_the_sweep_rests_when_every_command_is_answered(enroll: Enroll, apns: FakeApns) -> None:
    device = enroll()
    push()
    device.answer_everything()
    assert request_due_pushes(now=timezone.now() + timedelta(days=3)) == 0


def test_the_sweep_starts_one_task_for_all(enroll: Enroll, started: list[str]) -> None:
    for _ in range(2):
        enroll()
    sweep_commands()
    assert sorted(started) == ["send_requested_pushes", "tell_push_departures"]


# Devices that have no commands and do not speak.


def silence(fleet: Fleet, *, count: int, days: float) -> list[bytes]:
    tokens = fleet.add(count)
    forget_commands()
    Enrollment.objects.filter(certificate_sha256__in=[each.hex() for each in tokens]).update(
        push_requested_at=None, last_seen_at=timezone.now() - timedelta(days=days)
    )
    return tokens


def test_devices_that_were_silent_for_a_day_are_poked(
    fleet: Fleet, apns: FakeApns, started: list[str]
) -> None:
    silent = silence(fleet, count=3, days=2)
    silence(fleet, count=3, days=0.5)
    poke_silent_devices()
    assert started == ["send_requested_pushes"]
    assert push() == 3
    assert set(count_by_token(apns)) == set(silent)
    assert poke_silent(now=timezone.now() + timedelta(hours=11)) == 0
    assert poke_silent(now=timezone.now() + timedelta(hours=13)) == 6


def test_pokes_are_drawn_by_lot_and_bounded_in_a_run_and_in_an_hour(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poke, "MOST_IN_A_RUN", 10)
    monkeypatch.setattr(poke, "MOST_IN_AN_HOUR", 25)
    random.seed(7)
    silence(fleet, count=60, days=2)
    now = timezone.now()
    assert [poke_silent(now=now) for _ in range(4)] == [10, 10, 5, 0]
    poked = Enrollment.objects.filter(push_requested_at__isnull=False).values_list("pk", flat=True)
    assert sorted(poked) != sorted(Enrollment.objects.values_list("pk", flat=True))[:25]
    assert poke_silent(now=now + timedelta(hours=2)) == 10


def test_the_longer_the_silence_the_better_the_chance(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poke, "MOST_IN_A_RUN", 20)
    random.seed(7)
    silence(fleet, count=40, days=1.5)
    long_silent = silence(fleet, count=40, days=25)
    poke_silent(now=timezone.now())
    poked = Enrollment.objects.filter(push_requested_at__isnull=False)
    digests = [token.hex() for token in long_silent]
    assert poked.count() == 20
    assert poked.filter(certificate_sha256__in=digests).count() >= 14


def test_devices_without_a_living_token_are_not_poked(fleet: Fleet) -> None:
    silence(fleet, count=3, days=2)
    Enrollment.objects.update(push_suspended_at=timezone.now())
    assert poke_silent(now=timezone.now()) == 0
