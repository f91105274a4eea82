"""How the number of pushes on the way follows APNs' answers."""

from devices.protocol.apns import PushAnswer, Verdict
from devices.protocol.pace import Pace

OK = PushAnswer(Verdict.DELIVERED, status=200)
BUSY = PushAnswer(Verdict.TRY_LATER, "ServiceUnavailable", status=503)
TOO_MANY = PushAnswer(Verdict.TRY_LATER, "TooManyRequests", status=429)
LATE = PushAnswer(Verdict.TRY_LATER, "no answer")


def test_one_push_tries_after_a_rest_and_success_doubles_the_number() -> None:
    pace = Pace(most=250)
    pace.note(BUSY, now=0)
    assert (pace.find_rest(0), pace.limit) == (1, 1)
    limits = []
    for _ in range(9):
        pace.note(OK, now=2)
        limits.append(pace.limit)
    assert limits == [2, 4, 8, 16, 32, 64, 128, 250, 250]


def test_rests_grow_while_trouble_lasts_and_begin_anew_after_success() -> None:
    pace, now, rests = Pace(most=250), 0.0, []
    for _ in range(10):
        pace.note(BUSY, now=now)
        rests.append(pace.find_rest(now))
        now += rests[-1]
    assert rests == [1, 2, 4, 8, 16, 32, 64, 120, 120, 120]
    pace.note(OK, now=now)
    pace.note(LATE, now=now)
    assert pace.find_rest(now) == 1


def test_what_was_on_the_way_when_the_trouble_began_does_not_add_to_it() -> None:
    pace = Pace(most=250)
    for _ in range(100):
        pace.note(BUSY, now=0)
    assert pace.find_rest(0) == 1
    pace.note(OK, now=0.5)
    assert pace.limit == 1


def test_one_device_that_was_asked_too_often_does_not_stop_the_others() -> None:
    pace = Pace(most=250)
    for _ in range(3):
        for answer in (*[TOO_MANY] * 4, OK):
            pace.note(answer, now=0)
    assert (pace.find_rest(0), pace.limit) == (0, 250)


def test_too_many_in_a_row_are_the_connections_trouble() -> None:
    pace = Pace(most=250)
    for _ in range(5):
        pace.note(TOO_MANY, now=0)
    assert pace.find_rest(0) == 1


def test_retry_after_is_kept_to_but_not_for_hours() -> None:
    pace = Pace(most=250)
    pace.note(PushAnswer(Verdict.TRY_LATER, "", 30, 503), now=0)
    assert pace.find_rest(0) == 30
    pace = Pace(most=250)
    pace.note(PushAnswer(Verdict.TRY_LATER, "", 86_400, 503), now=0)
    assert pace.find_rest(0) == 900
