"""What APNs' connection does to pushes: nothing lost, nothing twice without need. R6."""

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from devices.models import Device, Enrollment
from devices.services.apns import connection, line
from devices.services.push.requests import request_due_pushes
from tests.devices.conftest import Enroll, News
from tests.devices.fleet import Fleet
from tests.devices.pushing import ask, close_channels, count_by_token, push
from tests.simulator.apns import FakeApns

NOT_ALLOWED = "APNs allows no pushes on the connection"


def test_many_pushes_share_one_connection_and_are_sent_at_once(
    fleet: Fleet, apns: FakeApns
) -> None:
    fleet.add(300)
    apns.delay_next(0.5, count=300)
    started = time.monotonic()
    assert push() == 300
    assert time.monotonic() - started < 20
    assert count_by_token(apns) == dict.fromkeys(fleet.tokens, 1)
    assert apns.connections == 1
    assert apns.violations == []


def test_the_connection_is_kept_for_the_next_push(enroll: Enroll, apns: FakeApns) -> None:
    enroll()
    for _ in range(3):
        ask()
        assert push() == 1
    assert apns.connections == 1


@pytest.mark.parametrize("streams", [1, 3])
def test_no_more_streams_are_opened_than_apns_allows(
    fleet: Fleet, settings: Any, tmp_path: Any, streams: int
) -> None:
    with FakeApns(max_streams=streams) as narrow:
        (tmp_path / "ca.pem").write_bytes(narrow.ca_pem)
        settings.APNS_PORT, settings.APNS_CA = narrow.port, str(tmp_path / "ca.pem")
        fleet.add(12, apns=narrow)
        narrow.delay_next(0.02, count=12)
        assert push() == 12
        assert narrow.violations == []
        assert narrow.connections == 1
        close_channels()


def test_pushes_wait_for_later_when_apns_allows_no_streams(
    fleet: Fleet, apns: FakeApns, news: News, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "ANSWER_SECONDS", 0.3)
    fleet.add(3)
    apns.allow_streams(0)
    for _ in range(20):  # a task each second
        assert push() == 0
        time.sleep(0.1)
    assert [stop["message"] for stop in news["push_stopped"]] == [NOT_ALLOWED]
    rows = Enrollment.objects.all()
    assert {row.push_error for row in rows} == {f"try later: {NOT_ALLOWED}"}
    monkeypatch.setattr(line, "ANSWER_SECONDS", 10.0)
    apns.allow_streams(1000)
    time.sleep(2)
    assert push() == 3
    assert apns.violations == []


def test_a_push_to_be_sent_again_holds_no_worker_when_apns_allows_no_streams(
    fleet: Fleet, apns: FakeApns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "ANSWER_SECONDS", 1.0)
    fleet.add(3)

    def close_for_good() -> str:
        apns.allow_streams(0)
        return "close"

    def open_again() -> None:
        apns.allow_streams(1000)
        apns.close_connections()

    monkeypatch.setattr(apns, "_take_disturbance", close_for_good)
    timer = threading.Timer(20, open_again)
    timer.start()
    assert push() == 0  # before the timer
    timer.cancel()
    rows = Enrollment.objects.filter(push_requested_at__isnull=False, push_claimed_at=None)
    assert {row.push_error for row in rows} == {f"try later: {NOT_ALLOWED}"}
    assert rows.count() == 3


@pytest.mark.parametrize("kind", ["goaway", "reset", "close"])
def test_a_push_that_was_not_answered_is_sent_again(
    enroll: Enroll, apns: FakeApns, kind: str
) -> None:
    device = enroll()
    push()
    ask()
    apns.disturb_next(kind)
    assert push() == 1
    assert count_by_token(apns) == {device.token: 2}
    assert device.enrollment.push_error == ""


@pytest.mark.parametrize("kind", ["goaway", "reset", "close"])
def test_nothing_is_lost_or_twice_when_it_happens_amid_many(
    fleet: Fleet, apns: FakeApns, kind: str
) -> None:
    fleet.add(100)
    apns.delay_next(0.3, count=10)
    disturb_amid(apns, kind=kind, after=40)
    assert push() == 100
    assert set(count_by_token(apns)) == set(fleet.tokens)
    if kind != "close":  # HTTP/2 says what was not processed; a closed connection does not
        assert len(apns.deliveries) == 100
    assert apns.connections == (1 if kind == "reset" else 2)


def disturb_amid(apns: FakeApns, *, kind: str, after: int) -> None:
    """The request after so many answered or delayed ones is disturbed."""
    take = apns._take_disturbance
    seen: list[None] = []

    def count() -> str | None:
        seen.append(None)
        return kind if len(seen) == after + 1 else take()

    apns._take_disturbance = count  # type: ignore[method-assign]


def test_slow_answers_do_not_delay_others(
    fleet: Fleet, apns: FakeApns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "ANSWER_SECONDS", 3.0)
    fleet.add(60)
    apns.disturb_next("ignore", count=10)
    started = time.time()
    assert push() == 50
    assert max(each.at for each in apns.deliveries) - started < 3
    late = Enrollment.objects.exclude(push_error="")
    assert {row.push_error for row in late} == {"try later: no answer within 10 seconds"}
    assert late.filter(push_requested_at__isnull=False).count() == 10
    assert push(now=timezone.now() + timedelta(minutes=2)) == 10


def test_a_connection_that_falls_silent_is_replaced(
    fleet: Fleet, apns: FakeApns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "QUIET_SECONDS", 1.0)
    monkeypatch.setattr(connection, "PING_SECONDS", 1.0)
    fleet.add(20)
    apns.disturb_next("freeze")
    assert push() == 20
    assert apns.connections == 2


def test_an_idle_connection_is_asked_whether_it_is_still_there(
    enroll: Enroll, apns: FakeApns, monkeypatch: pytest.MonkeyPatch
) -> None:
    enroll()
    push()
    apns.close_connections()
    ask()
    monkeypatch.setattr(connection, "IDLE_SECONDS", 0.0)
    time.sleep(0.05)
    assert push() == 1
    assert (apns.connections, len(apns.deliveries)) == (2, 2)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_pushes_to_a_device_wait_ever_longer_when_apns_says_later(
    enroll: Enroll, apns: FakeApns, news: News, status: int
) -> None:
    device, now = enroll(), timezone.now()
    apns.answer_next(status, "TooManyRequests", count=3)
    waits = []
    for _ in range(3):
        push(now=now)
        not_before = device.enrollment.push_not_before
        assert not_before is not None
        waits.append((not_before - now).total_seconds())
        close_channels()  # another process has no rest
        before = len(apns.deliveries)
        push(now=not_before - timedelta(seconds=1))
        assert len(apns.deliveries) == before
        now = not_before
    assert waits == [60, 120, 240]
    assert push(now=now) == 1
    assert len(news["push_failed"]) == 1


@pytest.mark.parametrize(("status", "longest"), [(503, 15), (500, 15), (429, 360)])
def test_nobody_waits_long_for_its_push_when_apns_had_trouble_for_hours(
    enroll: Enroll, apns: FakeApns, status: int, longest: int
) -> None:
    device, now = enroll(), timezone.now()
    Enrollment.objects.update(push_attempts=12, push_error=f"try later: {status}")
    apns.answer_next(status)
    push(now=now)
    assert device.enrollment.push_not_before == now + timedelta(minutes=longest)


def test_retry_after_is_kept_to_by_the_device_and_the_connection(
    fleet: Fleet, apns: FakeApns
) -> None:
    fleet.add(3)
    now = timezone.now()
    apns.answer_next(503, "ServiceUnavailable", count=3, retry_after=600)
    push(now=now)
    assert {
        row.push_not_before - now for row in Enrollment.objects.all() if row.push_not_before
    } == {timedelta(seconds=600)}
    ask()
    assert push() == 0
    assert len(apns.deliveries) == 3
    close_channels()
    assert push() == 3


def test_one_busy_device_does_not_rest_the_others(fleet: Fleet, apns: FakeApns) -> None:
    fleet.add(5)
    apns.answer_next(429, "TooManyRequests", retry_after=600)
    assert push() == 4


def test_a_short_rest_is_waited_for(fleet: Fleet, apns: FakeApns) -> None:
    fleet.add(2)
    now = timezone.now()
    apns.answer_next(503, "ServiceUnavailable")
    assert push(now=now) == 1
    fleet.add(30)
    assert push(now=now) == 30


def test_pushes_go_to_another_server_at_once_when_one_shuts_down(
    fleet: Fleet, apns: FakeApns
) -> None:
    fleet.add(30)
    apns.delay_next(0.2, count=30)
    apns.answer_next(503, "Shutdown", count=10)
    assert push() == 30
    assert apns.connections == 2


def test_nothing_is_lost_when_apns_is_unreachable(fleet: Fleet, apns: FakeApns, news: News) -> None:
    fleet.add(3)
    port = apns.port
    apns.stop()
    for _ in range(2):
        assert push() == 0
    rows = Enrollment.objects.all()
    assert {row.push_error.split(":")[0] for row in rows} == {"try later"}
    assert all(row.push_requested_at and row.push_attempts == 0 for row in rows)
    assert [stop["code"] for stop in news["push_stopped"]] == ["push_failed"]
    close_channels()
    apns.port = port
    apns.start()
    assert push() == 3
    assert set(Enrollment.objects.values_list("push_error", flat=True)) == {""}


def test_a_server_that_the_ca_does_not_vouch_for_gets_no_token(
    enroll: Enroll, apns: FakeApns, settings: Any
) -> None:
    device = enroll()
    settings.APNS_CA = ""
    assert push() == 0
    assert "certificate verify failed" in device.enrollment.push_error.lower()
    assert device.enrollment.push_requested_at is not None
    assert apns.deliveries == []


def test_dead_tokens_do_not_delay_the_living(fleet: Fleet, apns: FakeApns, news: News) -> None:
    dead = fleet.add(200)
    living = fleet.add(50)
    for token in dead[:100]:
        apns.unregister(token)
    for token in dead[100:]:
        apns._registrations.pop(token)  # BadDeviceToken
    assert push() == 50
    last_living = max(each.at for each in apns.deliveries if each.token in living)
    assert last_living - min(each.at for each in apns.deliveries) < 5
    assert Device.objects.filter(status="unenrolled").count() == 100
    assert len(news["push_failed"]) == 200
    assert request_due_pushes(now=timezone.now() + timedelta(days=1)) == 50
