"""Searches of lists that may have a million rows: a part of them for each page, none left out."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from devices.models import Command
from enrollment.models import EnrollmentSession, LogEntry
from tests.rest.conftest import Program, Sample, add_command

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_sample")]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("organization.selectors.SEARCHED", 10)


def make_entries(sample: Sample) -> list[str]:
    """45 entries, of which the first, the last and a few between are searched for."""
    LogEntry.objects.all().delete()
    rows = [
        LogEntry.objects.create(
            level="info",
            code="device_enrolled",
            message="a needle" if number in (0, 12, 13, 14, 15, 44) else "hay",
        )
        for number in range(45)
    ]
    return [row.public_id for row in rows if "needle" in row.message]


def follow(program: Program, path: str, **parameters: Any) -> list[list[str]]:
    """Return the ids of each page, from the first to the last."""
    answer = program.get(path, **parameters).json()
    pages = [answer["results"]]
    while answer["next"]:
        answer = program.client.get(answer["next"], headers=program.headers).json()
        pages.append(answer["results"])
    return [[row["id"] for row in page] for page in pages]


@pytest.mark.parametrize("size", [1, 2, 3, 50])
@pytest.mark.parametrize("ordering", ["created_at", "-created_at"])
def test_search_finds_each_row_once_when_its_pages_are_followed(
    ordering: str, size: int, sample: Sample, auditor: Program
) -> None:
    expected = make_entries(sample)
    pages = follow(auditor, "enrollment/log", search="needle", ordering=ordering, page_size=size)
    found = [public_id for page in pages for public_id in page]
    assert found == (expected if ordering == "created_at" else expected[::-1])
    assert len(pages) >= 5, "each looks at ten rows"


def test_search_finds_each_row_once_when_followed_back(sample: Sample, auditor: Program) -> None:
    expected = make_entries(sample)[::-1]
    answer = auditor.get("enrollment/log", search="needle", page_size=2).json()
    while answer["next"]:
        answer = auditor.client.get(answer["next"], headers=auditor.headers).json()
    assert [row["id"] for row in answer["results"]] == expected[-1:]
    found = []
    while answer["previous"]:
        answer = auditor.client.get(answer["previous"], headers=auditor.headers).json()
        found += [row["id"] for row in answer["results"]][::-1]
    assert found == expected[:-1][::-1]


def test_search_of_few_rows_is_whole_when_a_filter_leaves_them(
    sample: Sample, auditor: Program
) -> None:
    make_entries(sample)
    rare = LogEntry.objects.order_by("id")[3]
    LogEntry.objects.filter(pk=rare.pk).update(level="error", message="a needle")
    (page,) = follow(auditor, "enrollment/log", search="needle", level="error")
    assert page == [rare.public_id]


@pytest.mark.parametrize("kind", ["log", "session", "command"])
def test_whole_id_is_found_at_once_when_it_is_old(
    kind: str, sample: Sample, auditor: Program
) -> None:
    old = timezone.now() - timedelta(days=1)
    for number in range(30):
        EnrollmentSession.objects.create(token=sample.token, expires_at=old)
        LogEntry.objects.create(level="info", code="x", session_id=f"ses_{number}")
        add_command(sample.enrollment)
    path, text, expected = {
        "log": ("enrollment/log", sample.session.public_id, None),
        "session": ("enrollment/sessions", sample.session.public_id, sample.session.public_id),
        "command": ("commands", sample.command.uuid.lower(), sample.command.public_id),
    }[kind]
    if kind == "log":
        LogEntry.objects.filter(pk=sample.entry.pk).update(session_id=text)
        expected = sample.entry.public_id
    assert follow(auditor, path, search=text) == [[expected]]
    assert follow(auditor, "commands", search=str(uuid.uuid4())) == [[]]


def test_search_looks_at_a_part_of_the_rows_when_they_are_many(
    sample: Sample, auditor: Program
) -> None:
    Command.objects.all().delete()
    rows = [add_command(sample.enrollment) for _ in range(30)]
    with CaptureQueriesContext(connection) as queries:
        answer = auditor.get("commands", search="nothing-like-it").json()
    assert answer["results"] == []
    assert answer["next"]
    searches = [each["sql"] for each in queries if "nothing-like-it" in each["sql"].lower()]
    assert len(searches) == 1 or "UPPER" in searches[0]
    assert f'"devices_command"."id" > {rows[19].pk}' in searches[0]
