"""What no page sends: PostgreSQL takes no NUL, so whatever is asked of it is looked at before."""

from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from policies.models import Policy
from tests.console.conftest import World

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_world")]

CHOSEN_REQUESTS = "/console/system/certificates/chosen-requests/"
NONE = ["\0", "dev_" + "a" * 19 + "\0", "x" * 5000, "' OR 1=1 --", "\u202e", ""]


@pytest.mark.parametrize("text", ["\0", "Corey\0", "\x1b[31m", "\ufffe", "(a+)+$" * 30])
def test_search_finds_nothing_when_nobody_has_such_a_name(text: str, auditor: Client) -> None:
    answer = auditor.get("/console/search", {"q": text})
    assert answer.status_code == 200


def test_search_reads_a_control_character_as_a_space(world: World, auditor: Client) -> None:
    assert "Field crew" in auditor.get("/console/search", {"q": "field\0"}).content.decode()


@pytest.mark.parametrize("text", NONE)
@pytest.mark.parametrize("act", ["group", "commands", "unenroll"])
def test_nothing_is_chosen_when_no_device_has_such_an_id(
    text: str, act: str, world: World, administrator: Client
) -> None:
    address = f"/console/selected-devices/{act}?device={quote(text)}"
    assert administrator.get(address)["Location"] == "/console/devices/"
    both = f"{address}&device={world.device.public_id}"
    assert administrator.get(both).status_code == 200


@pytest.mark.parametrize("text", NONE)
def test_nothing_is_decided_when_no_request_has_such_an_id(
    text: str, world: World, administrator: Client
) -> None:
    address = f"{CHOSEN_REQUESTS}approve?request={quote(text)}"
    assert administrator.get(address)["Location"] == "/console/system/certificates/requests/"
    assert administrator.post(f"{CHOSEN_REQUESTS}approve", {"requests": text}).status_code == 302
    world.held_request.refresh_from_db()
    assert world.held_request.state == "pending"


@pytest.mark.parametrize("text", NONE)
def test_a_form_is_shown_again_when_it_names_no_row(
    text: str, world: World, administrator: Client
) -> None:
    form: dict[str, Any] = {"name": "New", "groups": [text]}
    page = administrator.post("/console/policies/new", form).content.decode()
    assert "is not one of the available choices" in page
    assert not Policy.objects.filter(name="New").exists()


@pytest.mark.parametrize("text", NONE)
def test_a_leak_goes_no_further_when_no_device_has_such_an_id(
    text: str, world: World, administrator: Client
) -> None:
    token = world.token
    form = {"scope": "chosen", "device": text, "action": "unenroll", "confirmation": token.name}
    answer = administrator.post(f"/console/enrollment/ota/tokens/{token.jti}/leaked", form)
    assert "Check at least one device" in answer.content.decode()
    token.refresh_from_db()
    assert token.revoked_at is None
