"""What a command is about, beside its RequestType, on a device's page."""

import base64
import html
import plistlib
import re

import pytest
from django.db import connection
from django.test import Client

from devices.models import Device
from devices.services.actions import queue_command
from devices.services.queue import enqueue
from devices.services.raw_commands import queue_raw_command
from scep.services.profile_signing import sign_profile
from tests.console.conftest import World

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_world")]
SECRET = "https://mdm.example.com/apps/0123456789abcdef0123456789abcdef/manifest.plist"


def read_history(client: Client, device: Device) -> dict[str, list[str]]:
    """Return, by RequestType, what the page says below it."""
    page = client.get(f"/console/devices/{device.public_id}").content.decode()
    rows = re.findall(r'hx-target="#dialog">(\w+)</a>(?:<small>([^<]*)</small>)?', page)
    history: dict[str, list[str]] = {}
    for name, subject in rows:
        history.setdefault(name, []).append(html.unescape(subject))
    return history


def build_profile(name: str) -> bytes:
    inner = {"PayloadDisplayName": "Inside", "PayloadType": "x", "PayloadIdentifier": "x.y"}
    kind = {"PayloadType": "Configuration", "PayloadIdentifier": "x", "PayloadUUID": "U"}
    return plistlib.dumps(kind | {"PayloadContent": [inner], "PayloadDisplayName": name})


def test_each_setting_is_named_when_several_wait(world: World, auditor: Client) -> None:
    for name, parameters in (
        ("Settings.DeviceName", {"device_name": "secret-name"}),
        ("Settings.Bluetooth", {"enabled": True}),
    ):
        queue_command(world.mac, request_type=name, parameters=parameters, actor="test")
    assert read_history(auditor, world.mac)["Settings"] == ["Switch Bluetooth", "Rename the device"]


def test_a_profile_is_named_when_it_is_signed_and_when_it_is_not(
    world: World, auditor: Client
) -> None:
    plain, signed = build_profile("Wi-Fi <b>"), sign_profile(build_profile("会議室のWi-Fi 🛜"))
    for payload in (plain, signed):
        parameters = {"payload": base64.b64encode(payload).decode()}
        queue_command(
            world.device, request_type="InstallProfile", parameters=parameters, actor="test"
        )
    names = read_history(auditor, world.device)["InstallProfile"]
    assert names[:2] == ["会議室のWi-Fi 🛜", "Wi-Fi <b>"]


def test_an_item_is_named_as_in_its_policy_when_its_policy_sent_it(
    world: World, auditor: Client
) -> None:
    item = world.app_item
    body = {"RequestType": "InstallApplication", "iTunesStoreID": 361309726}
    enqueue(world.enrollment, command=body, origin=f"item:{item.public_id}")
    assert read_history(auditor, world.device)["InstallApplication"][0] == item.name


def test_an_item_is_named_when_it_is_taken_off_the_device(world: World, auditor: Client) -> None:
    item = world.profile_item
    enqueue(
        world.enrollment,
        command={"RequestType": "RemoveProfile", "Identifier": item.profile_identifier},
        origin="policies",
    )
    assert read_history(auditor, world.device)["RemoveProfile"][0] == item.name


def test_a_manifests_address_is_not_told_when_an_app_has_nothing_else(
    world: World, auditor: Client
) -> None:
    body = {"RequestType": "InstallApplication", "ManifestURL": SECRET}
    command = enqueue(world.enrollment, command=body, origin="test")
    page = f"/console/devices/{world.device.public_id}"
    for url in (page, f"{page}/commands/{command.public_id}"):
        assert SECRET not in html.unescape(auditor.get(url).content.decode())


@pytest.mark.parametrize(
    "body",
    [
        {"RequestType": "Settings", "Settings": ["", {"Item": ["x"]}, 7, {}]},
        {"RequestType": "Settings", "Settings": "DeviceName"},
        {"RequestType": "InstallProfile", "Payload": b"<?xml no profile</plist>"},
        {"RequestType": "InstallProfile", "Payload": "text"},
        {"RequestType": "InstallEnterpriseApplication", "Manifest": {"items": []}},
        {"RequestType": "InstallEnterpriseApplication", "Manifest": {"items": [[]]}},
        {"RequestType": "RemoveProfile", "Identifier": {"a": 1}},
    ],
)
def test_the_page_is_shown_when_a_command_of_ones_own_says_nothing_sensible(
    world: World, auditor: Client, body: dict[str, object]
) -> None:
    queue_raw_command(world.device, content=plistlib.dumps(body), actor="test")
    assert read_history(auditor, world.device)[str(body["RequestType"])][0] == ""


def test_the_page_is_shown_when_no_key_opens_a_command(world: World, auditor: Client) -> None:
    queue_command(
        world.device, request_type="RemoveProfile", parameters={"identifier": "x"}, actor="test"
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE devices_command SET body = %s WHERE request_type = 'RemoveProfile'", [b"?"]
        )
    assert read_history(auditor, world.device)["RemoveProfile"] == [""]


def test_the_dialog_says_what_a_command_is_about_when_it_is_opened(
    world: World, auditor: Client
) -> None:
    row = queue_command(
        world.mac, request_type="Settings.Bluetooth", parameters={"enabled": True}, actor="test"
    )
    url = f"/console/devices/{world.mac.public_id}/commands/{row.public_id}"
    assert "<dt>About</dt><dd>Switch Bluetooth</dd>" in auditor.get(url).content.decode()
