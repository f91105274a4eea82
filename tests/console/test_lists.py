"""Lists: live search, filters, pages, downloads, and hostile names in them."""

import csv
import io
import re
from datetime import timedelta
from threading import Event, Thread
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from devices.models import Device, DeviceStatus, Platform
from devices.selectors.counts import _count_by_status
from guardmdm.console.search import PAGES
from organization.console.lists import BoundedPaginator
from organization.selectors import Counts
from tests.console.conftest import World, create_device

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_world")]

HTMX = {"HX-Request": "true", "HX-Target": "results"}
HOSTILE = "<img src=x onerror=alert(1)>\"'&{{ 7|add:7 }}"


def test_live_search_gets_the_rows_alone(world: World, operator: Client) -> None:
    page = operator.get("/console/devices/?q=corey’s", headers=HTMX).content.decode()
    assert "Corey’s iPhone" in page
    assert "Ray’s Mac" not in page
    assert "<html" not in page
    assert 'hx-swap-oob="true"' in page  # the tabs, whose links keep the search


def test_a_partial_and_its_page_are_not_mixed_up_by_a_cache(world: World, auditor: Client) -> None:
    answer = auditor.get("/console/devices/", headers=HTMX)
    assert "HX-Request" in answer["Vary"]
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.parametrize("text", ["SERIAL0002", "00008120-0000000000000002", "ray’s"])
def test_a_device_is_found_when_serial_udid_or_name_match(
    text: str, world: World, auditor: Client
) -> None:
    page = auditor.get("/console/devices/", {"q": text}).content.decode()
    assert "Ray’s Mac" in page
    assert "Corey’s iPhone" not in page


def test_filters_narrow_together(world: World, auditor: Client) -> None:
    query = {"platform": "macos", "group": world.group.public_id, "status": "enrolled"}
    page = auditor.get("/console/devices/", query).content.decode()
    assert "Ray’s Mac" in page
    assert "Corey’s iPhone" not in page


def test_an_unknown_filter_value_is_ignored(world: World, auditor: Client) -> None:
    answer = auditor.get("/console/devices/?platform=amiga&group=grp_gone&page=nonsense")
    assert answer.status_code == 200


def test_rows_beyond_fifty_are_on_the_next_page(world: World, auditor: Client) -> None:
    for number in range(60):
        create_device(f"iPad {number:02}", platform=Platform.IPADOS, group=world.group)
    first = auditor.get("/console/devices/").content.decode()
    second = auditor.get("/console/devices/?page=2").content.decode()
    assert first.count("<tr>") == 51  # with the header
    assert second.count("<tr>") == 13
    assert "1–50 of 62" in first


def test_a_list_answers_while_anothers_search_is_slow() -> None:
    """In Python 3.11 functools.cached_property lets all objects of a class wait for one."""
    began, may_end = Event(), Event()

    class SlowRows(list[int]):
        def __getitem__(self, place: Any) -> Any:
            began.set()
            may_end.wait(30)
            return super().__getitem__(place)

    slow = Thread(target=lambda: BoundedPaginator(SlowRows(), 50).get_page(None))
    quick = Thread(target=lambda: BoundedPaginator([1, 2, 3], 50).get_page(None))
    slow.start()
    assert began.wait(10)
    quick.start()
    quick.join(10)
    is_answered = not quick.is_alive()
    may_end.set()
    slow.join()
    quick.join()
    assert is_answered


def test_a_list_costs_the_same_queries_however_long(
    world: World, auditor: Client, django_assert_max_num_queries: object
) -> None:
    for number in range(40):
        create_device(f"iPad {number:02}", platform=Platform.IPADOS, group=world.group)
    with django_assert_max_num_queries(11):  # type: ignore[operator]  # three for those without
        auditor.get("/console/devices/")


@pytest.mark.parametrize(("count", "counts", "second"), [(50, 0, 50), (51, 1, 1)])
def test_what_fits_on_the_first_page_is_not_counted(
    world: World, auditor: Client, count: int, counts: int, second: int
) -> None:
    """Where nearly none matches, to count them is to look for them a second time."""
    for number in range(count):
        create_device(f"iPad {number:02}", platform=Platform.IPADOS, group=world.group)
    path = "/console/devices/?platform=ipados"
    with CaptureQueriesContext(connection) as captured:
        first = auditor.get(path).content.decode()
    assert sum("LIMIT 10001" in each["sql"] for each in captured) == counts
    assert first.count("<tr>") - 1 == 50
    assert f"1–50 of {count}" in first
    assert auditor.get(f"{path}&page=2").content.decode().count("<tr>") - 1 == second


def test_hostile_names_stay_text_on_every_page(world: World, administrator: Client) -> None:
    Device.objects.filter(pk=world.device.pk).update(
        name=HOSTILE, owner=HOSTILE, status_reason=HOSTILE, warning=HOSTILE
    )
    world.enrollment.commands.update(state="error", error_chain=[{"LocalizedDescription": HOSTILE}])
    device = f"/console/devices/{world.device.public_id}"
    for url in ("/console/devices/", device, f"{device}/edit", "/console/search?q=img"):
        page = administrator.get(url).content.decode()
        assert "&lt;img src=x" in page, url
        assert "<img src=x" not in page, url
        assert "{{ 7|add:7 }}" in page, url


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", " =1+1", "\uff1d1"])
def test_a_formula_in_the_csv_is_text(name: str, world: World, auditor: Client) -> None:
    Device.objects.filter(pk=world.device.pk).update(name=name)
    answer = auditor.get("/console/devices/export.csv")
    text = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert f"'{name}" in [row["name"] for row in rows]
    assert answer["Content-Disposition"] == 'attachment; filename="devices.csv"'


@pytest.mark.parametrize(
    "name", ["a;=1+1;", "a; =1+1;", "a\n=1+1;", "a;;@SUM(A1);", "\t=1", "\r=1"]
)
def test_a_formula_in_the_csv_is_text_where_cells_end_at_semicolons(
    name: str, world: World, auditor: Client
) -> None:
    """As a spreadsheet opens it in most of Europe: quotes inside a cell are nothing to it."""
    Device.objects.filter(pk=world.device.pk).update(name=name)
    answer = auditor.get("/console/devices/export.csv")
    text = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    cells = [cell.lstrip() for cell in re.split("[;\r\n]", text)]
    assert not [cell for cell in cells if cell[:1] in {*"=+-@", "\uff1d"}]


def test_the_csv_holds_what_the_filters_show(world: World, auditor: Client) -> None:
    answer = auditor.get("/console/devices/export.csv?platform=macos")
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    assert "Ray’s Mac" in text
    assert "Corey’s iPhone" not in text


def test_the_csv_says_what_the_list_says_where_there_is_no_group(
    world: World, auditor: Client
) -> None:
    Device.objects.filter(name="Ray’s Mac").update(group=None, filevault_enabled=True)
    answer = auditor.get("/console/devices/export.csv?columns=filevault_enabled")
    text = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(text, newline=""))}
    facts = ("status", "platform", "group", "filevault_enabled")
    assert [rows["Ray’s Mac"][name] for name in facts] == ["Enrolled", "macOS", "", "True"]
    assert [rows["Corey’s iPhone"][name] for name in facts] == ["Enrolled", "iOS", "Field crew", ""]


def test_tabs_count_all_devices(world: World, auditor: Client) -> None:
    create_device("Old", platform=Platform.IOS, group=world.group, status=DeviceStatus.UNENROLLED)
    page = auditor.get("/console/devices/?status=unenrolled").content.decode()
    tabs = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page[page.index('id="tabs"') :]))
    assert "All 3" in tabs
    assert "Enrolled 2" in tabs
    assert "Unenrolled 1" in tabs


def test_an_empty_list_names_the_next_step(bootstrapped: None, auditor: Client) -> None:
    Device.objects.all().delete()
    page = auditor.get("/console/devices/").content.decode()
    assert "Generate a token under Enrollment › OTA › Tokens" in page


def test_search_finds_across_the_apps(world: World, auditor: Client) -> None:
    for text, expected in {
        "SERIAL0001": "Corey’s iPhone",
        "field": "Field crew",
        "basel": "Baseline",
        "spring": "Spring intake",
    }.items():
        page = auditor.get("/console/search", {"q": text}, headers={"HX-Request": "true"})
        assert expected in page.content.decode()


def count_in_tabs(client: Client) -> dict[str, int]:
    tabs = client.get("/console/devices/").context["tabs"]
    return {status.value: count for status, count in tabs if count}


def test_counters_follow_at_once_when_devices_are_few(world: World, auditor: Client) -> None:
    assert count_in_tabs(auditor)
    Device.objects.update(status="unenrolled")
    assert count_in_tabs(auditor) == {"unenrolled": Device.objects.count()}


def test_counters_are_counted_every_ten_seconds_when_devices_are_many(
    world: World, auditor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("organization.selectors.Counts.MANY", 0)
    monkeypatch.setattr("devices.selectors.counts._by_status", Counts(_count_by_status))
    before = count_in_tabs(auditor)
    Device.objects.update(status="unenrolled")
    assert count_in_tabs(auditor) == before
    monkeypatch.setattr("organization.selectors.Counts.SECONDS", -1.0)
    assert count_in_tabs(auditor) == {"unenrolled": Device.objects.count()}


def test_the_dashboard_counts_platforms_and_days_of_those_that_are_here(
    world: World, auditor: Client
) -> None:
    now = timezone.now()
    Device.objects.update(enrolled_at=now - timedelta(days=40))
    Device.objects.filter(pk=world.mac.pk).update(status="unenrolled", enrolled_at=now)
    for days in (3, 20):
        device, _ = create_device(f"iPad {days}", platform=Platform.IPADOS, group=world.group)
        Device.objects.filter(pk=device.pk).update(enrolled_at=now - timedelta(days=days))
    page = auditor.get("/console/")
    donut = next(each for each in page.context["donuts"] if each["title"] == "Platform")
    assert {part.label: part.count for part in donut["slices"]} == {"iOS": 1, "iPadOS": 2}
    assert page.context["week_count"] == 2
    assert page.context["device_count"] == 3


def test_groups_tell_how_many_devices_are_in_them_and_here(world: World, auditor: Client) -> None:
    create_device("Gone", platform=Platform.IOS, group=world.group, status=DeviceStatus.UNENROLLED)
    page = auditor.get("/console/groups/").content.decode()
    assert "2 devices" in page
    assert "0 devices" in page
    page = auditor.get(f"/console/groups/{world.group.public_id}").content.decode()
    assert re.search(r"<strong>2</strong>\s*Devices", page)


def test_the_list_says_why_a_device_is_not_managed(world: World, auditor: Client) -> None:
    Device.objects.update(status="managed", status_reason="An <old> reason")
    assert "reason" not in auditor.get("/console/devices/").text
    Device.objects.filter(pk=world.mac.pk).update(status="not_managed")
    assert auditor.get("/console/devices/").text.count(">An &lt;old&gt; reason</small>") == 1


def test_the_search_leads_to_pages_that_the_person_may_see(
    world: World, auditor: Client, administrator: Client
) -> None:
    assert 'href="/console/system/audit-log/"' in auditor.get("/console/search?q=AUDIT").text
    keys = '<a href="/console/system/api-keys/"><span>API keys</span>'
    assert keys not in auditor.get("/console/search?q=api").text
    assert keys in administrator.get("/console/search?q=api").text


@pytest.mark.parametrize("role", ["auditor", "operator", "administrator"])
def test_the_search_leads_to_no_page_that_refuses_the_person(
    role: str, world: World, request: pytest.FixtureRequest
) -> None:
    person: Client = request.getfixturevalue(role)
    shown = set()
    for _, title, _ in PAGES:
        found = person.get("/console/search", {"q": title}).text
        shown |= set(re.findall(r'<a href="(/console/[a-z/-]*)"><span>', found))
    assert len(shown) > 10
    assert {url: person.get(url).status_code for url in shown} == dict.fromkeys(shown, 200)
