"""What devices reported, for people: pages, filters, the CSV file and all apps."""

import csv
import io
from typing import Any

import pytest
from django.test import Client

from devices.models import Command, CommandState, Device, SoftwareTitle
from devices.services.software_counts import count_software
from tests.console.conftest import World, create_device
from tests.devices.inventory import add_certificate, install, make_application

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_world")]

HOSTILE = "<img src=x onerror=alert(1)>{{ 7|add:7 }}"
SETS = ("information", "security", "apps", "profiles", "certificates", "users")


def read(client: Client, path: str, **query: Any) -> str:
    answer = client.get(f"/console/devices/{path}", query)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize("facts", SETS)
def test_a_page_says_that_nothing_was_reported_and_why(
    world: World, operator: Client, facts: str
) -> None:
    device, enrollment = create_device("New", platform="macos", group=world.group)
    page = read(operator, f"{device.public_id}/{facts}")
    assert "Never reported." in page
    assert "Ask now" in page
    operator.post(f"/console/devices/{device.public_id}/ask/{facts}")
    [command] = Command.objects.filter(enrollment=enrollment)
    page = read(operator, f"{device.public_id}/{facts}")
    assert "it has not answered yet" in page
    assert "Ask again" in page
    command.state, command.completed_at = CommandState.ERROR, command.created_at
    refusal = {"LocalizedDescription": "Nein.", "USEnglishDescription": f"No\u202e{HOSTILE}"}
    command.error_chain = [refusal]
    command.save()
    page = read(operator, f"{device.public_id}/{facts}")
    assert "It refused to answer" in page
    assert "No&lt;img" in page  # in English, and nothing that turns what stands behind it
    assert "<img" not in page
    enrollment.state = "checked_out"
    enrollment.save()
    page = read(operator, f"{device.public_id}/{facts}")
    assert "It is not enrolled" in page
    assert "Ask again" not in page


def test_a_device_is_asked_once_when_people_click_twice(world: World, operator: Client) -> None:
    for _ in range(2):
        operator.post(f"/console/devices/{world.mac.public_id}/ask/apps")
    assert Command.objects.filter(request_type="InstalledApplicationList").count() == 1
    assert operator.get(f"/console/devices/{world.mac.public_id}/ask/pin").status_code == 404


def test_pages_show_what_was_reported(world: World, auditor: Client) -> None:
    mac = world.mac.public_id
    security = read(auditor, f"{mac}/security")
    assert "FileVault" in security
    assert "text-red" in security
    assert "SecureBoot.SecureBootLevel" in security
    assert "87%" in read(auditor, f"{mac}/information")
    apps = read(auditor, f"{mac}/apps")
    assert "Slack" in apps
    assert "300.0\xa0MB" in apps
    assert "Slack" not in read(auditor, f"{mac}/apps", q="safari")
    assert "CN=Device,O=Example Corp" in read(auditor, f"{mac}/certificates")
    assert "Ray" in read(auditor, f"{mac}/users")


def test_facts_turn_no_words_around_them_when_they_would(world: World, auditor: Client) -> None:
    world.mac.information = {"TimeZone\u202e": "ehciruZ\u202eeporuE"}
    world.mac.save()
    page = read(auditor, f"{world.mac.public_id}/information")
    assert "ehciruZeporuE" in page
    assert "\u202e" not in page


def test_a_person_is_told_that_only_managed_apps_are_listed(world: World, auditor: Client) -> None:
    assert "may belong to a person" in read(auditor, f"{world.device.public_id}/apps")
    assert "may belong to a person" not in read(auditor, f"{world.mac.public_id}/apps")


def test_hostile_facts_stay_text(world: World, auditor: Client) -> None:
    Device.objects.filter(pk=world.mac.pk).update(
        information={HOSTILE: HOSTILE}, secure_boot=HOSTILE[:16], users=[{"UserName": HOSTILE}]
    )
    app = make_application(HOSTILE, name=HOSTILE, version=HOSTILE, short_version="")
    install(world.mac, app)
    add_certificate(world.mac, 9, subject=HOSTILE, common_name=HOSTILE, issuer=HOSTILE)
    world.mac.enrollments.update(
        reported_profiles=[{"PayloadDisplayName": HOSTILE, "PayloadContent": [{}]}]
    )
    count_software(now=world.mac.created_at)
    title = SoftwareTitle.objects.get(name=HOSTILE)
    paths = [f"{world.mac.public_id}/{facts}" for facts in SETS if facts != "security"]
    for path in (*paths, "apps/", f"apps/{title.public_id}"):
        page = read(auditor, path)
        assert "&lt;img src=x" in page, path
        assert "<img src=x" not in page, path


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"app": "com.apple.mobilesafari", "app_version": "26.1"}, {"Corey’s iPhone", "Ray’s Mac"}),
        ({"app": "com.example.none"}, set()),
        ({"without_app": "com.example.none"}, {"Corey’s iPhone", "Ray’s Mac"}),
        ({"missing_filevault": "true"}, {"Ray’s Mac"}),
        ({"missing_passcode": "false"}, {"Corey’s iPhone"}),
        ({"supervised": "True"}, {"Ray’s Mac"}),
        ({"os_version_lt": "26.2"}, {"Corey’s iPhone", "Ray’s Mac"}),
        ({"os_version_lt": "26.1"}, set()),
        ({"os_version": "26"}, {"Corey’s iPhone", "Ray’s Mac"}),
        ({"seen_before": "7"}, set()),
    ],
)
def test_the_list_and_the_file_follow_the_filters(
    world: World, auditor: Client, query: dict[str, str], expected: set[str]
) -> None:
    page = read(auditor, "", **query)
    assert {name for name in ("Corey’s iPhone", "Ray’s Mac") if name in page} == expected
    assert '<details class="filter-more" open>' in page
    answer = auditor.get("/console/devices/export.csv", query | {"columns": "filevault_enabled"})
    text = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    rows = list(csv.DictReader(io.StringIO(text)))
    assert {row["name"] for row in rows} == expected
    assert all(row["filevault_enabled"] in ("False", "") for row in rows)


def test_the_export_keeps_the_filters_and_offers_columns(world: World, auditor: Client) -> None:
    page = read(auditor, "export", app='"><script>', platform="macos")
    assert 'name="platform" value="macos"' in page
    assert "<script>" not in page.replace("<script src", "")
    assert 'value="recovery_key_escrowed"' in page
    partial = auditor.get(
        "/console/devices/?app=x", headers={"HX-Request": "true", "HX-Target": "results"}
    )
    assert 'id="export" hx-swap-oob="true" href="/console/devices/export?app=x"' in (
        partial.content.decode()
    )


def test_apps_lead_to_the_devices_that_have_them(world: World, auditor: Client) -> None:
    page = read(auditor, "apps/")
    assert 'href="/console/devices/?app=com.tinyspeck.slackmacgap">2<' in page
    page = read(auditor, f"apps/{world.software_title.public_id}")
    assert "?app=com.tinyspeck.slackmacgap&amp;app_version=100" in page
    assert "Slack" not in read(auditor, "apps/", q="safari")


def test_pages_cost_the_same_queries_however_many_devices(
    world: World, auditor: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(30):
        device, _ = create_device(f"iPad {number:02}", platform="ipados", group=world.group)
        install(device, *[f"com.example.app{app}" for app in range(number)])
    count_software(now=world.device.created_at)
    urls = ("apps/", f"?app={world.software_title.identifier}", f"{world.mac.public_id}/apps")
    for url in urls:
        with django_assert_max_num_queries(12):
            auditor.get(f"/console/devices/{url}")
