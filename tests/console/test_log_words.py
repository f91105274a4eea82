"""What the log, a device's timeline and the dashboard call an entry."""

import re

import pytest
from django.test import Client

from enrollment.services.log import write_entry
from tests.console.conftest import World

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_world")]


def list_pages(world: World) -> tuple[str, ...]:
    device = f"/console/devices/{world.device.public_id}"
    return ("/console/enrollment/log/", device, "/console/")


def test_a_trouble_is_called_what_it_is_when_its_message_is_for_engineers(
    world: World, auditor: Client
) -> None:
    entry = write_entry(
        "identity_not_trusted",
        message="no enrollment belongs to the certificate",
        device_id=world.device.public_id,
    )
    for path in list_pages(world):
        page = auditor.get(path).content.decode()
        assert re.search(rf'{entry.public_id}">Device’s certificate not accepted<', page), path
        assert "no enrollment belongs to the certificate" in page


def test_a_step_is_called_what_has_happened_when_it_went_well(
    world: World, auditor: Client
) -> None:
    entry = write_entry(
        "item_installed", message="Wi-Fi <b>: installed", device_id=world.device.public_id
    )
    for path in list_pages(world):
        page = auditor.get(path).content.decode()
        assert f'{entry.public_id}">Wi-Fi &lt;b&gt;: installed<' in page, path


def test_a_trouble_is_told_once_when_it_has_no_words_of_its_own(
    world: World, auditor: Client
) -> None:
    write_entry("device_checked_out", device_id=world.device.public_id)
    page = auditor.get(f"/console/devices/{world.device.public_id}").content.decode()
    assert page.count("Management profile removed") == 1


def test_entries_are_chosen_by_what_they_are_called(world: World, auditor: Client) -> None:
    write_entry("identity_revoked", message="long ago", device_id=world.device.public_id)
    page = auditor.get("/console/enrollment/log/?code=identity_revoked").content.decode()
    option = '<option value="identity_revoked" selected>Device’s certificate revoked</option>'
    assert option in page
    assert "long ago" in page
    names = re.findall(r'<option value="[a-z_]+"(?: selected)?>([^<]+)</option>', page)
    assert len(names) == len(set(names))


def test_what_is_known_of_an_entry_is_named_in_words(world: World, auditor: Client) -> None:
    entry = write_entry(
        "enrollment_silent", detail={"silent_seconds": 600, "udid": "A1", "user_agent": "Safari"}
    )
    page = auditor.get(f"/console/enrollment/log/{entry.public_id}").content.decode()
    for label, value in (
        ("Seconds without a step", "600"),
        ("UDID", "A1"),
        ("User agent", "Safari"),
    ):
        assert f"<dt>{label}</dt><dd>{value}</dd>" in page


def test_an_entry_is_recognized_when_people_report_what_their_device_says(auditor: Client) -> None:
    reports = {
        "token_expired": "“Profile won&#x27;t install”",
        "token_signature_invalid": "“Invalid Profile”",
        "authenticate_missing": "“Configuring Device”",
        "root_ca_not_trusted": "“Profile is untrusted”",
    }
    for code, report in reports.items():
        entry = write_entry(code, message="a link")
        page = auditor.get(f"/console/enrollment/log/{entry.public_id}").content.decode()
        assert report in page, code


def test_scep_profile_of_a_refusal_is_a_link_while_there_is_one(
    world: World, auditor: Client
) -> None:
    detail = {"scep_profile": world.scep_profile.public_id, "transaction_id": "", "fail_info": 0}
    entry = write_entry("scep_request_rejected", message="3DES", detail=detail)
    url = f"/console/enrollment/log/{entry.public_id}"
    page = auditor.get(url).content.decode()
    link = f'<a href="/console/enrollment/scep/{world.scep_profile.public_id}">'
    assert f"{link}{world.scep_profile.name}</a>" in page
    assert "Transaction ID" not in page
    type(world.scep_profile).objects.filter(pk=world.scep_profile.pk).update(
        public_id="scep_" + "x" * 20
    )
    page = auditor.get(url).content.decode()
    assert link not in page
    assert world.scep_profile.public_id in page
