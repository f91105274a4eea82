"""System › Doctor, its door for programs, and the dashboard's checklist that ends by itself."""

import socket
import time
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from devices.models import Device
from guardmdm.heartbeat import record_heartbeat
from guardmdm.models import Examination, Heart
from organization.models import Role
from organization.services.api_keys import create_api_key
from policies.models import PolicyItem
from tests.console.conftest import World
from tests.console.test_browser import browser_test, check_page, chromium, page

__all__ = ["chromium", "page"]  # fixtures
pytestmark = pytest.mark.django_db


def note(*findings: tuple[str, str, str, bool], is_finished: bool = True) -> Examination:
    now = timezone.now()
    names = ("name", "text", "fix", "is_failure")
    return Examination.objects.create(
        started_at=now,
        finished_at=now if is_finished else None,
        findings=[dict(zip(names, finding, strict=True)) for finding in findings],
    )


WELL = (("base URL", "answers (200)", "", False), ("TLS certificate", "trusted", "", False))


def test_page_shows_each_finding_with_its_fix(administrator: Client) -> None:
    assert "Nothing has been examined yet" in administrator.get("/console/system/doctor/").text
    note(
        *WELL, ("PUT", "do not arrive", "Let PUT through.", True), ("disk", "1 GB", "Room!", False)
    )
    page = administrator.get("/console/system/doctor/").text
    mended, looked_at, well = (
        page.index(title) for title in ("To be mended", "To be looked at", "All is well")
    )
    assert mended < page.index("Let PUT through.") < looked_at < page.index("Room!") < well
    assert well < page.index("answers (200)")
    assert "hx-get" not in page[page.index('id="findings"') :].partition(">")[0]


def test_page_answers_at_once_and_asks_again_while_findings_come(administrator: Client) -> None:
    note(WELL[0], is_finished=False)
    page = administrator.get("/console/system/doctor/").text
    assert 'hx-trigger="every 2s' in page
    assert "answers (200)" in page
    part = administrator.get("/console/system/doctor/", headers={"HX-Request": "true"}).text
    assert part.strip().startswith('<div id="findings"')


def test_examination_that_died_is_told_of(administrator: Client) -> None:
    row = note(is_finished=False)
    Examination.objects.filter(pk=row.pk).update(started_at=timezone.now() - timedelta(minutes=10))
    page = administrator.get("/console/system/doctor/").text
    assert "did not come to its end" in page
    assert "every 2s" not in page


@pytest.mark.django_db(transaction=True)
def test_button_examines_in_the_background(administrator: Client, settings: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.BASE_URL = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert administrator.post("/console/system/doctor/").status_code == 302
        assert Examination.objects.filter(finished_at=None).exists()  # it waits for the silent one
    deadline = time.monotonic() + 120
    while Examination.objects.filter(finished_at=None).exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    page = administrator.get("/console/system/doctor/").text
    assert "Start the server, or correct GUARDMDM_BASE_URL" in page
    assert "push certificate" in page


def test_programs_of_administrators_read_and_start_it(bootstrapped: None) -> None:
    note(*WELL)
    _, key = create_api_key(name="watch", role=Role.ADMINISTRATOR, actor="tests")
    headers = {"Authorization": f"Bearer {key}"}
    answer = Client().get("/api/v1/doctor", headers=headers).json()
    assert answer["findings"][0] == {
        "name": "base URL", "text": "answers (200)", "fix": "", "is_failure": False
    }  # fmt: skip
    assert (answer["is_running"], answer["finished_at"] is None) == (False, False)
    started = Client().post("/api/v1/doctor", headers=headers)
    assert (started.status_code, started.json()["is_running"]) == (202, True)


def test_dashboard_tells_administrators_what_the_doctor_found(
    administrator: Client, operator: Client
) -> None:
    note(*WELL, ("PUT", "do not arrive", "Let PUT through.", True))
    page = administrator.get("/console/").text
    assert "The doctor found 1 thing to be mended." in page
    assert 'href="/console/system/doctor/"' in page
    assert "The doctor found" not in operator.get("/console/").text


def test_checklist_names_what_is_missing_and_where_it_is_done(
    world: World, administrator: Client, auditor: Client, settings: Any
) -> None:
    PolicyItem.objects.all().delete()
    page = administrator.get("/console/").text
    checklist = page[page.index('id="checklist-title"') :].partition("</section>")[0]
    assert "is for this machine alone" in checklist
    assert '<a href="/console/policies/">Policy</a>' in checklist
    assert '<a href="/console/system/doctor/">Workers and scheduler</a>' in checklist
    assert '<a href="/console/enrollment/ota/tokens/">' not in checklist, "it is done"
    assert "checklist-title" not in auditor.get("/console/").text


def test_checklist_tells_why_the_address_is_not_ready(administrator: Client, settings: Any) -> None:
    settings.BASE_URL = "https://mdm.example.com"
    assert "a worker does it within a minute" in administrator.get("/console/").text
    note(WELL[0], ("TLS certificate", "it has expired", "Renew it.", True))
    assert "it has expired. Renew it." in administrator.get("/console/").text


def test_checklist_vanishes_when_all_is_done(
    world: World, administrator: Client, settings: Any
) -> None:
    settings.BASE_URL = "https://mdm.example.com"
    note(*WELL)
    for heart in Heart:
        record_heartbeat(heart, now=timezone.now())
    assert "checklist-title" not in administrator.get("/console/").text
    Device.objects.update(enrolled_at=None)
    page = administrator.get("/console/").text
    assert "6 of 7 done" in page
    assert '<a href="/console/devices/">First device</a>' in page


class TestPages:
    pytestmark = browser_test

    def test_findings_and_checklist_are_accessible_and_come_by_themselves(self, page: Any) -> None:
        warning, failure = ("disk", "1 GB", "Room!", False), ("PUT", "lost", "Let it in.", True)
        row = note(*WELL, warning, failure, is_finished=False)
        page.goto("/console/system/doctor/")
        check_page(page, name="doctor")
        assert not page.locator("text=All is well now").count()
        row.findings.append(
            {"name": "CA", "text": "All is well now", "fix": "", "is_failure": False}
        )
        row.finished_at = timezone.now()
        row.save()
        page.wait_for_selector("text=All is well now")
        assert page.locator("#findings[hx-get]").count() == 0, "it asks no more"
        page.goto("/console/")
        assert page.locator("#checklist-title").is_visible()
        check_page(page, name="dashboard with its checklist")
