"""Tokens that soon end, and unusual traffic: told once, in the log and on the dashboard."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from enrollment.models import Anomaly, AnomalyKind, EnrollmentToken, LogEntry
from enrollment.selectors import find_token_warnings, list_anomalies
from enrollment.services import anomalies, token_warnings
from enrollment.services.anomalies import report_anomalies
from enrollment.services.child_tokens import create_child_token
from enrollment.services.log import write_entry
from enrollment.services.token_warnings import report_ending_tokens
from enrollment.services.tokens import revoke_token
from enrollment.tasks import sweep_sessions
from guardmdm.console.dashboard import find_anomaly_notices, find_token_notices
from tests.enrollment.conftest import MakeToken

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def list_codes() -> list[str]:
    return list(LogEntry.objects.order_by("id").values_list("code", flat=True))


@pytest.mark.parametrize(
    ("life", "left", "is_told"),
    [(168, 25, False), (168, 23, True), (24, 7, False), (24, 5, True), (None, 0, False)],
)
def test_token_is_told_of_when_it_expires_in_a_day_or_a_quarter_of_its_life(
    make_token: MakeToken, life: int | None, left: int, is_told: bool
) -> None:
    token = make_token(expires=life)
    now = token.expires_at - left * HOUR if token.expires_at else timezone.now()
    report_ending_tokens(now=now)
    report_ending_tokens(now=now)
    assert list_codes() == ["token_expiring"] * is_told
    assert find_token_warnings(token, now=now) == ["token_expiring"] * is_told
    assert len(find_token_notices(now)) == is_told


def test_each_token_is_told_of_when_more_end_than_one_run_takes(
    make_token: MakeToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest ones were looked at again each time, and hid those behind them."""
    tokens = [make_token(expires=24) for _ in range(3)]
    monkeypatch.setattr(token_warnings, "BATCH", 1)
    for _ in range(4):
        report_ending_tokens(now=timezone.now() + 20 * HOUR)
    told = LogEntry.objects.filter(code="token_expiring").values_list("token_id", flat=True)
    assert sorted(told) == [token.pk for token in tokens]


@pytest.mark.parametrize(
    ("most", "used", "is_told"),
    [
        (100, 89, False),
        (100, 90, True),
        (5, 3, False),
        (5, 4, True),
        (4, 3, False),
        (0, 999, False),
    ],
)
def test_token_is_told_of_when_a_tenth_of_its_uses_is_left(
    make_token: MakeToken, most: int, used: int, is_told: bool, now: datetime
) -> None:
    token = make_token(expires=1000, max_uses=most)
    EnrollmentToken.objects.update(use_count=used)
    report_ending_tokens(now=now)
    report_ending_tokens(now=now)
    assert list_codes() == ["token_running_out"] * is_told
    token.refresh_from_db()
    assert find_token_warnings(token, now=now) == ["token_running_out"] * is_told
    assert [f"{most - used} use" in each.title for each in find_token_notices(now)] == [
        True
    ] * is_told


def test_each_of_both_is_told_once_when_they_come_one_after_the_other(
    make_token: MakeToken, now: datetime
) -> None:
    token = make_token(expires=100, max_uses=10)
    EnrollmentToken.objects.update(use_count=9)
    report_ending_tokens(now=now)
    assert token.expires_at is not None
    report_ending_tokens(now=token.expires_at - HOUR)
    report_ending_tokens(now=token.expires_at - HOUR)
    assert list_codes() == ["token_running_out", "token_expiring"]
    assert len(find_token_notices(token.expires_at - HOUR)) == 2


def test_nothing_is_told_when_nobody_would_miss_the_token(
    make_token: MakeToken, now: datetime
) -> None:
    make_token(expires=1, max_uses=1)
    make_token(expires=-1)
    parent = make_token(expires=400)
    create_child_token(parent, name="c", expires_at=now + HOUR, actor="a", now=now)
    revoke_token(make_token(expires=1), actor="a")
    later = now + HOUR * 0.9
    assert report_ending_tokens(now=later) == 0
    assert find_token_notices(later) == []


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MOST_BEGUN", "MOST_TOKEN_REFUSALS", "MOST_ADDRESS_REFUSALS"):
        monkeypatch.setattr(anomalies, name, 3)


def begin(token: EnrollmentToken, *, now: datetime) -> None:
    create_child_token(token, name="c", expires_at=now + HOUR, actor="a", now=now)
    for each in (token, token, token.children.first()):
        write_entry("session_opened", token=each, remote_address="192.0.2.1")


def refuse(token: EnrollmentToken, *, now: datetime) -> None:
    for number in range(3):
        address = f"192.0.2.{number}"
        write_entry("token_revoked", token=token, remote_address=address)


def knock(token: EnrollmentToken, *, now: datetime) -> None:
    for _ in range(3):
        write_entry("token_unknown", remote_address="2001:db8::7")


@pytest.mark.parametrize(
    ("act", "code", "words"),
    [
        (begin, "enrollment_burst", "6 enrollments began"),
        (refuse, "token_often_refused", "was refused 6 times"),
        (knock, "address_often_refused", "2001:db8::7 was refused 6 times"),
    ],
)
def test_unusual_traffic_is_told_once_an_hour_when_there_is_much_in_ten_minutes(
    make_token: MakeToken, few: None, act: Callable[..., Any], code: str, words: str
) -> None:
    token, now = make_token(expires=1000), timezone.now().replace(minute=5)
    act(token, now=now)
    LogEntry.objects.update(created_at=now)
    assert report_anomalies(now=now) == 0
    act(token, now=now)
    LogEntry.objects.update(created_at=now)
    for minutes in (1, 2, 9):
        report_anomalies(now=now + timedelta(minutes=minutes))
    assert list_codes().count(code) == 1
    (notice,) = find_anomaly_notices(now + timedelta(minutes=9))
    assert words in notice.title
    assert (token.jti in notice.url) is (code != "address_often_refused")
    for later in (timedelta(minutes=20), HOUR):  # over, and not told again
        report_anomalies(now=now + later)
    assert list_codes().count(code) == 1
    assert find_anomaly_notices(now + timedelta(days=2)) == []
    report_anomalies(now=now + timedelta(days=31))
    assert not Anomaly.objects.exists()


def test_the_latest_are_told_when_much_is_unusual(now: datetime) -> None:
    told = [(1, 1), *((number, 1) for number in range(2, 8)), (1, 2)]
    for number, hour in told:
        Anomaly.objects.create(
            kind=AnomalyKind.ADDRESS_REFUSALS,
            subject=f"2001:db8::{number}",
            remote_address=f"2001:db8::{number}",
            hour=hour,
            count=6,
            created_at=now,
        )
    addresses = [notice.title.split()[0] for notice in find_anomaly_notices(now)]
    assert addresses == [f"2001:db8::{number}" for number in (1, 7, 6, 5, 4)]


def test_notice_goes_when_the_token_is_revoked(
    make_token: MakeToken, few: None, now: datetime
) -> None:
    token = make_token()
    begin(token, now=now)
    begin(token, now=now)
    sweep_sessions()
    assert len(find_anomaly_notices(timezone.now())) == 1
    revoke_token(token, actor="a")
    assert find_anomaly_notices(timezone.now()) == []


@pytest.mark.django_db(transaction=True)
def test_warning_is_written_once_when_many_sweeps_run_at_once(
    make_token: MakeToken, few: None
) -> None:
    token, now = make_token(expires=100, max_uses=10), timezone.now()
    EnrollmentToken.objects.update(use_count=9)
    refuse(token, now=now)
    refuse(token, now=now)

    def sweep(_: int) -> None:
        try:
            report_ending_tokens(now=timezone.now())
            report_anomalies(now=timezone.now())
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(sweep, range(4)))
    assert list_codes().count("token_running_out") == 1
    assert list_codes().count("token_often_refused") == 1
    assert list_anomalies(now=timezone.now()).count() == 1
