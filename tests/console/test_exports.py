"""The files that lists are taken home as: what is in them, and which link leads there."""

import csv
import io
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from devices.models import Device
from enrollment.models import LogEntry
from enrollment.protocol.log_codes import LOG_CODES
from organization.models import AuditEntry
from tests.console.conftest import World

pytestmark = pytest.mark.django_db
AUDIT_LOG = "/console/system/audit-log/"
LOG = "/console/enrollment/log/"


def read_csv(client: Client, url: str, **query: str) -> list[dict[str, str]]:
    answer: Any = client.get(url, query)
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_the_audit_log_is_taken_home_as_the_filters_show_it(world: World, auditor: Client) -> None:
    AuditEntry.objects.all().delete()
    entry = AuditEntry.objects.create(
        actor="=1+1",
        action="token.revoke",
        subject="Überall, “überall”",
        subject_id="tok_1",
        detail={"rights": "full"},
        remote_address="192.0.2.1",
    )
    AuditEntry.objects.create(actor="ann@example.com", action="sign_in")
    moment = datetime(2026, 5, 17, 18, 4, 5, 999, tzinfo=UTC)
    AuditEntry.objects.filter(pk=entry.pk).update(created_at=moment)
    [row] = read_csv(auditor, f"{AUDIT_LOG}export.csv", kind="changes")
    assert row == {
        "time": "2026-05-17 18:04:05",
        "action": "token.revoke",
        "subject_id": "tok_1",
        "subject": "Überall, “überall”",
        "who": "'=1+1",
        "address": "192.0.2.1",
        "detail": '{"rights": "full"}',
    }


def test_the_audit_logs_file_has_what_a_search_finds_in_all_of_it(
    world: World, auditor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page looks through the newest entries, and goes on when it is asked to."""
    monkeypatch.setattr("organization.selectors.SEARCHED", 10)
    AuditEntry.objects.all().delete()
    for number in range(35):
        AuditEntry.objects.create(actor="ann", action=f"device.act{number}")
    assert "device.act3<" not in auditor.get(f"{AUDIT_LOG}?q=act3").text
    rows = read_csv(auditor, f"{AUDIT_LOG}export.csv", q="act3", older="1")
    assert [row["action"] for row in rows] == [
        *(f"device.act{number}" for number in (34, 33, 32, 31, 30)),
        "device.act3",
    ]


def test_the_audit_logs_file_has_the_order_of_the_list(
    world: World, auditor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("organization.selectors.SEARCHED", 10)
    AuditEntry.objects.all().delete()
    for number in range(25):
        AuditEntry.objects.create(actor="ann", action=f"device.act{number}")
    rows = read_csv(auditor, f"{AUDIT_LOG}export.csv", q="act2", ordering="created_at")
    assert [row["action"] for row in rows] == [
        f"device.act{number}" for number in (2, 20, 21, 22, 23, 24)
    ]


def test_the_enrollment_log_is_taken_home_with_what_to_do(world: World, auditor: Client) -> None:
    LogEntry.objects.all().delete()
    LogEntry.objects.create(
        level="error",
        code="token_expired",
        message="-1 day",
        token=world.token,
        device_id=world.device.public_id,
        session_id="ses_1",
        remote_address="192.0.2.1",
        detail={"name": "Büro"},
    )
    LogEntry.objects.create(level="info", code="page_opened", message="The page was opened")
    [row] = read_csv(auditor, f"{LOG}export.csv", level="error")
    code = LOG_CODES["token_expired"]
    assert row | {"time": ""} == {
        "time": "",
        "level": "error",
        "code": "token_expired",
        "title": code.title,
        "message": "'-1 day",
        "cause": code.cause,
        "resolution": code.resolution,
        "device": str(world.device),
        "device_id": world.device.public_id,
        "device_serial_number": world.device.serial_number,
        "token": world.token.name,
        "token_id": world.token.jti,
        "session": "ses_1",
        "address": "192.0.2.1",
        "detail": '{"name": "Büro"}',
    }


def test_each_entry_of_a_device_is_once_in_the_file_when_it_is_searched_for(
    world: World, auditor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its entries are found by an index, however old they are, and the words part by part."""
    monkeypatch.setattr("organization.selectors.SEARCHED", 10)
    LogEntry.objects.all().delete()
    entry = {"level": "info", "code": "page_opened"}
    for number in range(15):
        LogEntry.objects.create(**entry, message=f"{number}", device_id=world.device.public_id)
    word = world.device.serial_number
    for number in range(15):
        LogEntry.objects.create(**entry, message=f"{word} {number}")
    rows = read_csv(auditor, f"{LOG}export.csv", q=word)
    numbers = list(range(14, -1, -1))
    assert [row["message"] for row in rows] == [
        *(f"{word} {number}" for number in numbers),
        *(f"{number}" for number in numbers),
    ]


def test_moments_and_numbers_in_a_file_are_such_to_a_spreadsheet(
    world: World, auditor: Client
) -> None:
    moment = datetime(2026, 5, 17, 18, 4, 5, 999, tzinfo=UTC)
    Device.objects.update(last_seen_at=moment, battery_level=0.4298100914)
    rows = read_csv(auditor, "/console/devices/export.csv", columns="battery_level")
    assert {(row["last_seen_at"], row["battery_level"]) for row in rows} == {
        ("2026-05-17 18:04:05", "0.43")
    }


@pytest.mark.parametrize("url", [AUDIT_LOG, LOG, "/console/system/certificates/"])
def test_the_link_to_the_file_goes_along_with_the_search(
    url: str, world: World, auditor: Client
) -> None:
    """It led to all rows when the list had been searched since it was opened."""
    assert f'id="export" href="{url}export.csv" download' in auditor.get(url).text
    found = auditor.get(url, {"q": "a&b"}, headers={"HX-Request": "true", "HX-Target": "results"})
    [link] = re.findall(r'id="export"[^>]*>', found.text)
    assert 'hx-swap-oob="true"' in link
    assert f'href="{url}export.csv?q=a%26b"' in link
