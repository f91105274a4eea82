"""Times in the console are those of the person's clock; what is for others stays in UTC."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from devices.models import Device
from enrollment.models import EnrollmentToken, LogEntry
from enrollment.services.log import write_entry
from tests.console.conftest import World

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_world")]
LATE = datetime(2026, 1, 31, 23, 30, tzinfo=UTC)
TOKENS = "/console/enrollment/ota/tokens/"


@pytest.fixture
def url() -> str:
    write_entry("token_expired")
    entry = LogEntry.objects.latest("pk")
    LogEntry.objects.filter(pk=entry.pk).update(created_at=LATE)
    return f"/console/enrollment/log/{entry.public_id}"


def read_in(client: Client, zone: str, url: str) -> str:
    client.cookies["timezone"] = zone
    answer = client.get(url)
    assert answer.status_code == 200, url
    return answer.content.decode()


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("Europe/Berlin", "1 Feb 2026, 00:30 CET"),
        ("Asia/Calcutta", "1 Feb 2026, 05:00 IST"),
        ("America/New_York", "31 Jan 2026, 18:30 EST"),
        ("UTC", "31 Jan 2026, 23:30 UTC"),
    ],
)
def test_a_moment_is_shown_in_the_zone_that_the_browser_names(
    auditor: Client, url: str, zone: str, shown: str
) -> None:
    assert shown in read_in(auditor, zone, url)
    del auditor.cookies["timezone"]
    assert "31 Jan 2026, 23:30 UTC" in auditor.get(url).content.decode()


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "/etc/localtime", "x" * 3000])
def test_what_is_no_zone_is_ignored(auditor: Client, url: str, zone: str) -> None:
    assert "31 Jan 2026, 23:30 UTC" in read_in(auditor, zone, url)


def test_a_moment_is_typed_as_the_persons_clock_shows_it(operator: Client, world: World) -> None:
    assert "Expires at (America/New_York)" in read_in(operator, "America/New_York", f"{TOKENS}new")
    there = timezone.now().astimezone(ZoneInfo("America/New_York")) + timedelta(days=3)
    values = {
        "name": "Three days", "expiration": "custom", "max_uses": "5", "rights": "full",
        "group": world.group.public_id, "custom_expires_at": f"{there:%Y-%m-%dT%H:%M}",
    }  # fmt: skip
    operator.post(f"{TOKENS}new", values)
    token = EnrollmentToken.objects.get(name="Three days")
    assert token.expires_at == there.replace(second=0, microsecond=0)


def test_what_is_handed_out_stays_in_utc(operator: Client, world: World) -> None:
    EnrollmentToken.objects.filter(pk=world.token.pk).update(expires_at=LATE.replace(year=2126))
    poster = read_in(operator, "Europe/Berlin", f"{TOKENS}{world.token.jti}/poster?lang=en")
    assert "31 Jan 2126, 23:30 (UTC)" in poster


def test_the_dashboard_counts_the_days_that_everybody_counts(auditor: Client, world: World) -> None:
    Device.objects.update(enrolled_at=None)
    now = timezone.now()
    Device.objects.filter(pk=world.device.pk).update(enrolled_at=now)
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        page = read_in(auditor, zone, "/console/")
        assert f"{now:%-d %b}: 1" in page, zone


def test_no_page_says_utc_of_a_moment_that_is_shown_otherwise() -> None:
    for template in (settings.BASE_DIR / "templates/console").rglob("*.html"):
        assert "UTC" not in template.read_text(), template
