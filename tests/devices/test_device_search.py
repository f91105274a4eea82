"""Devices by what they said of themselves."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from devices.models import Device
from devices.protocol.inventory import build_version_number
from devices.selectors import filter_by_words
from devices.services import device_search
from devices.services.software_counts import count_software
from tests.devices.inventory import install, make_application

pytestmark = pytest.mark.django_db
Search = Callable[..., "set[str]"]


def add(name: str, *, os_version: str = "18.1", **facts: object) -> Device:
    return Device.objects.create(
        udid=name,
        name=name,
        os_version=os_version,
        os_version_number=build_version_number(os_version),
        **facts,
    )


@pytest.fixture
def search(bootstrapped: None) -> Search:
    def find(by: str, *values: object, **options: object) -> set[str]:
        rows = getattr(device_search, by)(Device.objects.all(), *values, **options)
        return set(rows.values_list("name", flat=True))

    return find


def test_devices_are_found_by_app_and_version_when_they_have_it(search: Search) -> None:
    old, new, other, silent = (add(name) for name in ("old", "new", "other", "silent"))
    install(old, make_application("com.example.a", short_version="1.0", version="10"))
    install(new, make_application("com.example.a", short_version="2.0", version="20"))
    install(other, "com.example.b")
    assert search("filter_by_app", "com.example.a") == {"old", "new"}
    assert search("filter_by_app", "com.example.a", version="2.0") == {"new"}
    assert search("filter_by_app", "com.example.a", version="10") == {"old"}
    assert search("filter_by_app", "com.example.a", version="9") == set()
    assert search("filter_by_app", "com.example") == set()
    assert search("filter_without_app", "com.example.a") == {"other"}
    assert search("filter_without_app", "com.example.z") == {"old", "new", "other"}
    assert silent.applications_reported_at is None


@pytest.mark.parametrize("few", [0, 1, 2, 3])
def test_devices_that_lack_what_most_have_are_found_however_many(
    search: Search, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    """Few are named by their keys, more are looked for among all."""
    monkeypatch.setattr(device_search, "COMMON", 0)
    monkeypatch.setattr(device_search, "FEW", few)
    for name in ("one", "two"):
        install(add(name), "com.example.a")
        install(add(f"lacks {name}"), "com.example.b")
    add("silent")
    count_software(now=timezone.now())
    assert search("filter_without_app", "com.example.a") == {"lacks one", "lacks two"}


def test_devices_are_found_by_when_they_were_last_heard_of(search: Search) -> None:
    now = timezone.now()
    for days in (2, 8):
        seen = now - timedelta(days=days)
        facts = seen - timedelta(hours=20)
        add(f"silent for {days}", last_seen_at=seen, information_reported_at=facts)
        add(f"no facts for {days}", last_seen_at=seen)
        # It answers at a moment that is noted for the whole minute.
        noted = seen + timedelta(minutes=1)
        add(f"answered at {days}", last_seen_at=seen, information_reported_at=noted)
    add("never heard of")
    add("heard of", last_seen_at=now, information_reported_at=now - timedelta(days=40))
    of_8 = {"silent for 8", "no facts for 8", "answered at 8"}
    of_2 = {each.replace("8", "2") for each in of_8}
    assert search("filter_by_silence", since=now - timedelta(days=7)) == of_8
    assert search("filter_by_silence", since=now - timedelta(days=1)) == of_2 | of_8
    exactly = now - timedelta(days=8)
    assert search("filter_by_silence", since=exactly) == set()
    assert search("filter_by_silence", since=exactly + timedelta(seconds=1)) == of_8
    assert search("filter_by_silence", since=datetime.max.replace(tzinfo=UTC)) == {
        *of_2, *of_8, "heard of",
    }  # fmt: skip


def test_a_device_is_found_once_when_it_has_two_versions(search: Search) -> None:
    apps = [make_application("com.example.a", short_version=version) for version in ("1", "2")]
    install(add("both"), *apps)
    rows = device_search.filter_by_app(Device.objects.all(), "com.example.a")
    assert rows.count() == 1


def test_devices_are_found_by_system_when_it_is_older(search: Search) -> None:
    for version in ("17.6.1", "18", "18.1", "18.1.1", "18.10", "26.0"):
        add(version, os_version=version)
    add("unknown", os_version="")
    assert search("filter_by_os_older_than", "18.1") == {"17.6.1", "18"}
    assert search("filter_by_os_older_than", "18.2") == {"17.6.1", "18", "18.1", "18.1.1"}
    assert search("filter_by_os_version", "18.1") == {"18.1", "18.1.1"}
    assert search("filter_by_os_version", "18") == {"18", "18.1", "18.1.1", "18.10"}
    assert search("filter_by_os_older_than", "new") == search("filter_by_os_version", "") == set()


def test_devices_are_found_by_protection_when_they_told_of_it(search: Search) -> None:
    add("open", filevault_enabled=False, passcode_present=False)
    add("safe", filevault_enabled=True, passcode_present=True)
    add("unknown", last_seen_at=timezone.now() - timedelta(days=1))
    assert search("filter_by_missing_filevault", missing=True) == {"open"}
    assert search("filter_by_missing_filevault", missing=False) == {"safe"}
    assert search("filter_by_missing_passcode", missing=True) == {"open"}
    assert search("filter_by_missing_passcode", missing=False) == {"safe"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("anna", {"Anna’s iPhone", "Ännchen"}),
        ("ANNA iphone", {"Anna’s iPhone"}),
        ("c02xy", {"Ännchen"}),
        ("mac studio", {"Ännchen"}),
        ("100%_", {"Anna’s iPhone"}),
        ("Studio C02", {"Ännchen"}),
        ("anna anton", set()),
        ("", {"Anna’s iPhone", "Ännchen"}),
        ("x" * 200, set()),
        # A hundred words took the database 15 seconds for 100,000 devices.
        ("anna iphone f2l 100 sure example com a nothing", {"Anna’s iPhone"}),
    ],
)
def test_devices_are_found_when_every_word_is_somewhere_in_them(
    text: str, found: set[str], bootstrapped: None
) -> None:
    add("Anna’s iPhone", serial_number="F2L0000001", owner="100%_sure@example.com")
    add("Ännchen", serial_number="C02XY", owner_name="Anna Meier", product_name="Mac Studio")
    rows = filter_by_words(Device.objects.all(), text)
    assert set(rows.values_list("name", flat=True)) == found
