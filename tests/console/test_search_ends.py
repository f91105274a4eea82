"""Searches of log, sessions and audit log: the newest rows first, and older ones on demand."""

import re
from datetime import UTC, datetime
from html import unescape

import pytest
from django.test import Client

from enrollment.models import LogEntry
from organization.models import AuditEntry
from tests.console.conftest import World

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_world")]

LOG = "/console/enrollment/log/"
FURTHER = re.compile(r'class="btn" href="(\?[^"]*older=[^"]*)"')


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("organization.selectors.SEARCHED", 10)


def fill_log(*, needle: int, of: int = 35) -> LogEntry:
    """Return the entry with the number `needle`, of so many."""
    LogEntry.objects.all().delete()
    rows = [
        LogEntry.objects.create(level="info", code="device_enrolled", message=f"Entry {number}.")
        for number in range(of)
    ]
    LogEntry.objects.filter(pk=rows[needle].pk).update(message="The needle.")
    return rows[needle]


def search_back(client: Client, url: str) -> list[str]:
    """Return each part's page, from the newest to the last."""
    pages = [client.get(url).content.decode()]
    while link := FURTHER.search(pages[-1]):
        pages.append(client.get(url.partition("?")[0] + unescape(link[1])).content.decode())
    return pages


def test_a_search_goes_back_part_by_part_until_all_entries_were_looked_at(
    world: World, auditor: Client
) -> None:
    fill_log(needle=3)
    pages = search_back(auditor, f"{LOG}?q=needle")
    assert ["The needle." in page for page in pages] == [False, False, False, True]
    assert "Nothing matches" in pages[0]
    assert "Words were looked for back to" in pages[0]
    assert "looked for back to" not in pages[-1]
    assert ["Entry 30." in page for page in search_back(auditor, LOG)] == [True]


def test_a_search_says_how_far_back_it_has_looked(world: World, auditor: Client) -> None:
    fill_log(needle=30)
    border = LogEntry.objects.order_by("-id")[10]
    then = datetime(2020, 2, 3, 4, 5, tzinfo=UTC)
    LogEntry.objects.filter(pk=border.pk).update(created_at=then)
    page = auditor.get(f"{LOG}?q=needle").content.decode()
    assert "The needle." in page
    assert re.search("back to [^<]*2020", page)


def test_a_devices_entries_are_all_found_by_its_name(world: World, auditor: Client) -> None:
    entry = fill_log(needle=2)
    LogEntry.objects.filter(pk=entry.pk).update(device_id=world.device.public_id)
    page = auditor.get(f"{LOG}?q={world.device.name}").content.decode()
    assert "The needle." in page


def test_a_filter_that_leaves_few_entries_has_them_all_searched(
    world: World, auditor: Client
) -> None:
    entry = fill_log(needle=2)
    LogEntry.objects.filter(pk=entry.pk).update(level="error")
    pages = search_back(auditor, f"{LOG}?q=needle&level=error")
    assert ["The needle." in page for page in pages] == [True]


def test_the_audit_log_is_searched_part_by_part(world: World, administrator: Client) -> None:
    AuditEntry.objects.all().delete()
    for number in range(25):
        AuditEntry.objects.create(actor="someone", action=f"device.act{number}")
    pages = search_back(administrator, "/console/system/audit-log/?q=act3")
    assert ["act3" in re.sub("value=.act3.|q=act3", "", page) for page in pages] == [
        False,
        False,
        True,
    ]


@pytest.mark.parametrize("older", ["log_none", "x", "-1", "%00"])
def test_a_place_that_is_none_leaves_the_newest(older: str, world: World, auditor: Client) -> None:
    fill_log(needle=34)
    assert "The needle." in auditor.get(f"{LOG}?q=needle&older={older}").content.decode()
