"""The push certificate's end: told 60, 30, 7 days ahead, once each, in log, doctor, dashboard."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from devices.models import Enrollment, PushCertificate
from devices.services.push.certificate_expiry import warn_push_certificate
from devices.services.push.stops import stop_other_topics
from devices.tasks import check_push_certificate
from enrollment.models import LogEntry
from guardmdm.console.dashboard import find_push_notices
from guardmdm.health import check_push_certificate as examine
from tests.devices.conftest import MakeDevice

pytestmark = pytest.mark.django_db
CODES = ("push_certificate_expiring", "push_certificate_expired")


def let_end(*, days: float) -> datetime:
    """Have the certificate end so many days from now; returns now."""
    now = timezone.now()
    PushCertificate.objects.update(not_after=now + timedelta(days=days))
    return now


def list_warnings() -> list[tuple[str, str]]:
    rows = LogEntry.objects.filter(code__in=CODES).order_by("id")
    return list(rows.values_list("code", "level"))


def test_each_threshold_is_told_once_when_the_end_comes_near() -> None:
    now = let_end(days=60.5)
    told = [warn_push_certificate(now=now + timedelta(days=day)) for day in range(62)]
    assert [day for day, was in enumerate(told) if was] == [1, 31, 54, 61]
    assert list_warnings() == [(CODES[0], "warning")] * 3 + [(CODES[1], "error")]


def test_only_the_latest_threshold_is_told_when_the_server_slept() -> None:
    let_end(days=5)
    check_push_certificate()
    check_push_certificate()
    assert list_warnings() == [(CODES[0], "warning")]


def test_it_is_no_error_yet_when_the_certificate_ends_today() -> None:
    """The log had it as expired, and that was half a day too early."""
    let_end(days=0.5)
    check_push_certificate()
    assert list_warnings() == [(CODES[0], "warning")]
    assert "(0 days left)" in LogEntry.objects.get(code=CODES[0]).message


@pytest.mark.parametrize("first", ["clock", "push"])
def test_the_expired_certificate_is_one_error_when_pushes_wait_for_it(
    make_device: MakeDevice, first: str
) -> None:
    make_device().enroll()
    now = let_end(days=-0.5)
    Enrollment.objects.update(push_requested_at=now)
    if first == "clock":
        check_push_certificate()
    stop_other_topics(now=now)
    check_push_certificate()
    assert list_warnings() == [(CODES[1], "error")]


def test_nothing_is_told_while_there_is_time_or_no_certificate() -> None:
    assert not warn_push_certificate(now=let_end(days=90))
    assert find_push_notices(timezone.now()) == []
    PushCertificate.objects.all().delete()
    assert not warn_push_certificate(now=timezone.now())
    assert find_push_notices(timezone.now())[0].level == "error"


@pytest.mark.parametrize(("days", "level", "fails"), [(59, "warning", False), (-1, "error", True)])
def test_dashboard_and_doctor_name_the_fix(days: int, level: str, fails: bool) -> None:
    now = let_end(days=days)
    (notice,) = find_push_notices(now)
    assert (notice.level, notice.url) == (level, "/console/system/push-certificate/")
    finding = examine()
    assert finding.is_failure == fails
    assert "System › Push certificate" in finding.fix


def test_doctor_counts_devices_that_listen_to_another_topic(make_device: MakeDevice) -> None:
    make_device().enroll()
    PushCertificate.objects.update(topic="com.apple.mgmt.External.other")
    finding = examine()
    assert (finding.is_failure, finding.text) == (True, "1 device listens to another topic")
