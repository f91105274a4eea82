"""What silence says of a device, from facts alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from devices.protocol.silence import Silence, find_departure

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
IGNORING = Silence(heard_at=NOW - 8 * DAY, accepted=5, pushed_since=NOW - 7 * DAY)
DEAD = Silence(heard_at=NOW - DAY, dead_token="BadDeviceToken")


def test_a_week_of_pushes_that_apns_took_and_nobody_answered_says_when_and_how_many() -> None:
    reason = find_departure(replace(IGNORING, accepted=12), now=NOW)
    assert reason == (
        "Probably removed on 12 May 2026: Apple has taken 12 pushes since, and none was answered."
        " It may also be switched off."
    )


@pytest.mark.parametrize(
    "change",
    [
        {"accepted": 4},
        {"pushed_since": NOW - 7 * DAY + MINUTE},
        {"pushed_since": None},
        {"heard_at": NOW - 6 * DAY},
    ],
)
def test_fewer_pushes_or_a_shorter_time_prove_nothing(change: dict[str, object]) -> None:
    assert find_departure(replace(IGNORING, **change), now=NOW) == ""  # type: ignore[arg-type]


def test_a_token_that_apns_does_not_know_counts_after_a_day() -> None:
    reason = find_departure(DEAD, now=NOW)
    assert reason.startswith("Probably removed on 19 May 2026: ")
    assert "BadDeviceToken" in reason
    assert find_departure(DEAD, now=NOW - MINUTE) == ""


def test_thirty_days_count_whatever_else_is_known() -> None:
    silence = Silence(heard_at=NOW - 30 * DAY - MINUTE, accepted=4)
    assert find_departure(silence, now=NOW) == "Not heard of for 30 days."
    assert find_departure(silence, now=NOW - MINUTE) == ""


def test_silence_is_said_to_be_unasked_when_no_push_went_out() -> None:
    silence = Silence(heard_at=NOW - 30 * DAY - MINUTE)
    reason = find_departure(silence, now=NOW)
    assert reason == "Not heard of for 30 days, in which Apple took no push to it from this server."


def test_every_reason_fits_the_column() -> None:
    longest = replace(DEAD, dead_token="DeviceTokenNotForTopic")
    assert all(len(find_departure(each, now=NOW)) <= 255 for each in (IGNORING, longest))
