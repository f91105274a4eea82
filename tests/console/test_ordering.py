"""Headings of lists: each orders the rows, both ways, and what else was chosen stays chosen."""

import csv
import io
import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from devices.models import Device, Group, Platform
from devices.protocol.inventory import build_version_number
from tests.console.conftest import World, create_device
from tests.console.test_lists import HTMX

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_world")]

HEADING = re.compile(r'<th scope="col"(?: aria-sort="(\w+)")?>(.*?)</th>', re.DOTALL)
SORT = re.compile(r'<a class="sort" id="sort-(\w+)" href="([^"]+)"')
DEVICES = "/console/devices/"


def read(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return answer.content.decode()


def list_names(page: str) -> list[str]:
    return [unescape(name) for name in re.findall(r'class="row-link"[^>]*>([^<]+)<', page)]


def find_sorts(page: str) -> dict[str, str]:
    """Return where each heading leads, by what it orders the rows by."""
    return {name: unescape(url) for name, url in SORT.findall(page)}


def find_directions(page: str) -> dict[str, str]:
    """Return the headings by which the list is ordered now, by their first sort."""
    return {
        SORT.findall(text)[0][0]: direction
        for direction, text in HEADING.findall(page)
        if direction
    }


@pytest.fixture
def three(world: World) -> list[Device]:
    """Devices that no two columns bring into the same order."""
    Device.objects.all().delete()
    group, now, made = Group.objects.earliest("id"), timezone.now(), []
    facts = [
        ("Anna", "C3", "macos", "26.1", "li@example.com", "managed", now - timedelta(hours=5)),
        ("Berta", "C1", "ipados", "9.3.5", "", "enrolled", None),
        ("Cem", "C2", "ios", "18.2", "anna@example.com", "unenrolled", now),
    ]
    for name, serial, platform, version, owner, status, seen in facts:
        device, _ = create_device(name, platform=platform, group=group, status=status)
        Device.objects.filter(pk=device.pk).update(
            serial_number=serial,
            os_version=version,
            os_version_number=build_version_number(version),
            owner=owner,
            last_seen_at=seen,
        )
        made.append(device)
    return made


@pytest.mark.parametrize(
    ("ordering", "names"),
    [
        ("name", "Anna Berta Cem"),
        ("serial_number", "Berta Cem Anna"),
        ("status", "Berta Anna Cem"),
        ("platform", "Cem Berta Anna"),
        ("os_version", "Berta Cem Anna"),
        ("owner", "Berta Cem Anna"),
        ("last_seen_at", "Berta Anna Cem"),
    ],
)
def test_devices_are_in_a_columns_order_when_its_heading_is_followed(
    ordering: str, names: str, three: list[Device], auditor: Client
) -> None:
    expected = names.split()
    assert list_names(read(auditor, f"{DEVICES}?ordering={ordering}")) == expected
    assert list_names(read(auditor, f"{DEVICES}?ordering=-{ordering}")) == expected[::-1]


def test_a_heading_turns_the_order_round_when_it_is_followed_again(
    three: list[Device], auditor: Client
) -> None:
    first = read(auditor, DEVICES)
    assert find_directions(first) == {}
    recent = read(auditor, DEVICES + find_sorts(first)["last_seen_at"])
    assert find_directions(recent) == {"last_seen_at": "descending"}
    assert list_names(recent) == ["Cem", "Anna", "Berta"]  # what never told is not the latest
    oldest = read(auditor, DEVICES + find_sorts(recent)["last_seen_at"])
    assert find_directions(oldest) == {"last_seen_at": "ascending"}
    assert list_names(oldest) == ["Berta", "Anna", "Cem"]


def test_the_serial_number_shares_a_heading_with_the_name(
    three: list[Device], auditor: Client
) -> None:
    page = read(auditor, f"{DEVICES}?ordering=-serial_number")
    assert find_directions(page) == {"name": "descending"}
    assert "Serial<svg" in page


@pytest.mark.parametrize(
    "ordering", ["password", "--name", "name,pk", "group__name", "-", "", "pk"]
)
def test_an_order_that_no_heading_offers_is_ignored(
    ordering: str, three: list[Device], auditor: Client
) -> None:
    page = read(auditor, f"{DEVICES}?ordering={ordering}")
    assert list_names(page) == ["Cem", "Berta", "Anna"]
    assert find_directions(page) == {}
    assert re.search(r'name="ordering"[^>]* value="" disabled', page)


def test_no_device_is_left_out_or_told_twice_when_all_have_one_name(
    world: World, auditor: Client
) -> None:
    for _ in range(118):
        create_device("iPhone", platform=Platform.IOS, group=world.group)
    told: list[str] = []
    for number in (1, 2, 3):
        page = read(auditor, f"{DEVICES}?ordering=-name&page={number}")
        told += re.findall(r"/console/devices/(dev_\w+)", page)
    assert len(told) == len(set(told)) == Device.objects.count() == 120


def test_what_was_chosen_stays_when_the_order_changes(world: World, auditor: Client) -> None:
    for number in range(51):
        create_device(f"iPad {number:02}", platform=Platform.IPADOS, group=world.group)
    page = read(auditor, f"{DEVICES}?q=ipad&platform=ipados&status=enrolled&page=2")
    query = find_sorts(page)["name"]
    assert "q=ipad&platform=ipados&status=enrolled&ordering=name" in query
    assert "page" not in query


def test_the_order_stays_when_something_else_is_chosen(world: World, auditor: Client) -> None:
    for number in range(60):
        create_device(f"iPad {number:02}", platform=Platform.IPADOS, group=world.group)
    page = unescape(read(auditor, f"{DEVICES}?ordering=-name"))
    for link in ("?ordering=-name&page=2", "?ordering=-name&status=managed"):
        assert f'href="{link}"' in page or f'href="{DEVICES}{link}"' in page, link
    assert "/console/devices/export?ordering=-name" in page
    assert re.search(r'name="ordering"[^>]* value="-name">', page)  # goes with the search


def test_the_search_keeps_the_order_that_a_heading_brought(world: World, auditor: Client) -> None:
    answer = auditor.get(f"{DEVICES}?ordering=name", headers=HTMX).content.decode()
    assert re.search(r'id="ordering" value="name" hx-swap-oob="true">', answer)


def test_the_file_is_in_the_order_of_the_list(three: list[Device], auditor: Client) -> None:
    form = read(auditor, "/console/devices/export?ordering=os_version&page=2")
    assert 'name="ordering" value="os_version"' in form
    answer: Any = auditor.get("/console/devices/export.csv?ordering=os_version")
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    rows = csv.DictReader(io.StringIO(text, newline=""))
    assert [row["name"] for row in rows] == ["Berta", "Cem", "Anna"]
