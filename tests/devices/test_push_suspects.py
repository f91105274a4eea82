"""Tokens at which APNs ends the connection: found apart, and nobody else waits for them. R6."""

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from devices.models import Enrollment
from devices.services.apns import suspects
from tests.devices.conftest import News
from tests.devices.fleet import Fleet
from tests.devices.pushing import ask, push
from tests.simulator.apns import FakeApns

AT_THIS_PUSH = f"try later: {suspects.AT_THIS_PUSH}"


@pytest.mark.parametrize("poisonous", [1, 6])
def test_the_others_are_pushed_within_seconds_when_apns_ends_the_connection_at_some(
    fleet: Fleet, apns: FakeApns, poisonous: int
) -> None:
    bad = fleet.add(250)[70 : 70 + poisonous]
    for token in bad:
        apns.close_at(token)
    started = time.monotonic()
    assert push() == 250 - poisonous
    assert time.monotonic() - started < 15
    late = Enrollment.objects.filter(push_requested_at__isnull=False)
    assert {row.certificate_sha256 for row in late} == {token.hex() for token in bad}
    assert {row.push_error for row in late} == {AT_THIS_PUSH}
    assert all(row.push_not_before for row in late)


def test_a_known_token_goes_alone_and_ever_less_often(fleet: Fleet, apns: FakeApns) -> None:
    (bad,) = fleet.add(1)
    now = timezone.now()
    apns.close_at(bad)
    waits = []
    for _ in range(6):
        push(now=now)
        row = Enrollment.objects.get(certificate_sha256=bad.hex())
        assert (row.push_error, row.push_suspended_at) == (AT_THIS_PUSH, None)
        assert row.push_not_before is not None
        waits.append((row.push_not_before - now).total_seconds() / 60)
        now = row.push_not_before
    assert waits == [1, 2, 4, 8, 15, 15]
    fleet.add(30)
    connections = apns.connections
    assert push(now=now) == 30
    assert apns.connections - connections <= 2  # the others went before it, on one connection
    apns.heal()
    assert push(now=now + timedelta(hours=1)) == 1
    assert not Enrollment.objects.exclude(push_error="").exists()


def test_apns_is_given_a_rest_when_it_ends_every_connection(
    fleet: Fleet, apns: FakeApns, news: News
) -> None:
    for token in fleet.add(60):
        apns.close_at(token)
    assert push() == 0
    assert apns.connections < 12
    assert [failure["code"] for failure in news["push_failed"]] == ["push_failed"]
    apns.heal()
    ask()
    time.sleep(1.1)
    assert push() == 60


def test_apns_is_given_a_rest_when_it_turns_every_push_away(fleet: Fleet, apns: FakeApns) -> None:
    """Three connections were made for each 250 of them, without a pause."""
    fleet.add(2000)
    apns.disturb_next("goaway", count=10_000)
    assert push() == 0
    assert apns.connections < 14
    apns._disturbances.clear()
    ask()
    time.sleep(1.1)
    assert push() == 2000


def test_what_a_lost_connection_left_is_sent_again_at_once(fleet: Fleet, apns: FakeApns) -> None:
    fleet.add(250)
    apns.disturb_next("close")
    started = time.monotonic()
    assert push() == 250
    assert time.monotonic() - started < 10
    assert apns.connections == 2
