"""The doors through which a command is taken back: REST and the device's page."""

import json
import uuid
from datetime import timedelta
from typing import Any

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from devices.models import Command
from devices.services.queue import cancel
from organization.models import Administrator, AuditEntry
from organization.services.api_keys import create_api_key
from tests.devices import orders
from tests.devices.mdm_device import MdmDevice

ACTOR = "ada@example.com"


def send(role: str, method: str, path: str, **body: Any) -> Any:
    key = create_api_key(f"{role} {uuid.uuid4()}", role=role, actor="tests")[1]
    return Client().generic(
        method,
        f"/api/v1/{path}",
        json.dumps(body) if body else "",
        content_type="application/json",
        headers={"Authorization": f"Bearer {key}"},
    )


def sign_in(role: str) -> Client:
    client = Client()
    client.force_login(
        Administrator.objects.create_user(email=f"{role}@example.org", password="p" * 12, role=role)
    )
    return client


def test_a_program_cancels_a_command_and_the_device_does_not_get_it(phone: MdmDevice) -> None:
    command = orders.restart(phone.row, actor=ACTOR)
    answer = send("operator", "POST", f"commands/{command.public_id}/cancel")
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert answer.json()["completed_at"]
    assert phone.take() is None
    assert AuditEntry.objects.filter(action="command.cancel").count() == 1


def test_a_command_that_is_over_is_a_conflict(phone: MdmDevice) -> None:
    command = orders.restart(phone.row, actor=ACTOR)
    cancel(command, now=timezone.now())
    answer = send("operator", "POST", f"commands/{command.public_id}/cancel")
    assert (answer.status_code, answer.json()["code"]) == (409, "command_over")


def test_an_erase_is_cancelled_by_those_who_may_erase(phone: MdmDevice) -> None:
    command = orders.erase(phone.row, actor=ACTOR)
    path = f"commands/{command.public_id}/cancel"
    assert send("operator", "POST", path).status_code == 403
    assert Command.objects.get(pk=command.pk).state == "queued"
    assert send("administrator", "POST", path).status_code == 200


def test_a_program_chooses_when_a_command_expires(phone: MdmDevice) -> None:
    path = f"devices/{phone.row.public_id}/commands"
    moment = "2999-01-01T00:00:00Z"
    answer = send("operator", "POST", path, request_type="RestartDevice", expires_at=moment)
    assert (answer.status_code, answer.json()["code"]) == (400, "command_invalid")
    moment = (timezone.now() + timedelta(days=2)).isoformat()
    answer = send("operator", "POST", path, request_type="RestartDevice", expires_at=moment)
    assert answer.status_code == 201
    assert answer.json()["expires_at"][:16] == moment[:16]


def test_the_devices_page_offers_to_cancel_what_waits(phone: MdmDevice) -> None:
    command = orders.restart(phone.row, actor=ACTOR)
    erase = orders.erase(phone.row, actor=ACTOR)
    page = reverse("console:device", args=[phone.row.public_id])
    urls = [
        reverse("console:command-cancel", args=[phone.row.public_id, row.public_id])
        for row in (command, erase)
    ]
    roles = ("auditor", "operator", "administrator")
    pages = {role: sign_in(role).get(page).content.decode() for role in roles}
    assert {role: [url in text for url in urls] for role, text in pages.items()} == {
        "auditor": [False, False],
        "operator": [True, False],
        "administrator": [True, True],
    }


def test_an_operator_cancels_by_the_button_and_no_erase(phone: MdmDevice) -> None:
    command = orders.restart(phone.row, actor=ACTOR)
    erase = orders.erase(phone.row, actor=ACTOR)
    client, device = sign_in("operator"), phone.row.public_id
    for row, status in ((command, 302), (command, 302), (erase, 403)):
        url = reverse("console:command-cancel", args=[device, row.public_id])
        assert client.post(url).status_code == status
    states = Command.objects.filter(pk__in=[command.pk, erase.pk]).order_by("pk")
    assert list(states.values_list("state", flat=True)) == ["cancelled", "queued"]
    assert AuditEntry.objects.filter(action="command.cancel").count() == 1
