"""A program that got no answer sends the same request again, with the same Idempotency-Key."""

import plistlib
import uuid
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from devices.models import BulkCommand, Command
from enrollment.models import EnrollmentToken
from organization.models import AuditEntry, RepeatableRequest
from organization.protocol.sealing import decode_key_ring, generate_key
from tests.rest.conftest import Program, Sample, add_device, add_enrollment

pytestmark = pytest.mark.django_db


def post_again(program: Program, path: str, body: Any, *, text: str) -> Any:
    return program.send("POST", path, body, HTTP_IDEMPOTENCY_KEY=text)


@pytest.fixture
def token(sample: Sample) -> dict[str, Any]:
    return {"name": "Autumn", "group": sample.group.public_id}


@pytest.fixture
def commands(sample: Sample) -> str:
    return f"devices/{sample.device.public_id}/commands"


def test_one_token_is_made_when_a_program_asks_again(
    operator: Program, token: dict[str, Any]
) -> None:
    first = post_again(operator, "enrollment/tokens", token, text="order 1")
    second = post_again(operator, "enrollment/tokens", token, text="order 1")
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert first.json()["url"]
    assert EnrollmentToken.objects.filter(name="Autumn").count() == 1
    assert AuditEntry.objects.filter(action="token.create", subject="Autumn").count() == 1


def test_another_token_is_made_when_no_key_or_another_is_sent(
    operator: Program, administrator: Program, token: dict[str, Any]
) -> None:
    made = [
        post_again(operator, "enrollment/tokens", token, text="1"),
        post_again(operator, "enrollment/tokens", token, text="2"),
        post_again(administrator, "enrollment/tokens", token, text="1"),
        operator.post("enrollment/tokens", token),
        operator.post("enrollment/tokens", token),
    ]
    assert len({answer.json()["jti"] for answer in made}) == 5


def test_something_else_is_refused_when_the_key_was_used(
    operator: Program, token: dict[str, Any]
) -> None:
    post_again(operator, "enrollment/tokens", token, text="1")
    answer = post_again(operator, "enrollment/tokens", {**token, "name": "Winter"}, text="1")
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_reused")
    assert not EnrollmentToken.objects.filter(name="Winter").exists()


def test_a_refused_request_is_done_when_it_is_sent_again_corrected(
    operator: Program, token: dict[str, Any], commands: str
) -> None:
    body = {**token, "max_uses": -1}
    assert post_again(operator, "enrollment/tokens", body, text="1").status_code == 400
    assert post_again(operator, "enrollment/tokens", token, text="1").status_code == 201
    body = {"request_type": "ProfileList", "user": "usr_x"}
    assert post_again(operator, commands, body, text="2").status_code == 400
    assert not RepeatableRequest.objects.filter(text="2").exists()


@pytest.mark.parametrize("path", ["", "/raw"])
def test_a_command_is_queued_once_when_it_was_answered_before_the_program_asks_again(
    path: str, administrator: Program, commands: str
) -> None:
    raw = b64encode(plistlib.dumps({"RequestType": "New"})).decode()
    body = {"command": raw} if path else {"request_type": "CertificateList"}
    first = post_again(administrator, f"{commands}{path}", body, text="1").json()
    Command.objects.filter(public_id=first["id"]).update(
        state="acknowledged", completed_at=timezone.now()
    )
    second = post_again(administrator, f"{commands}{path}", body, text="1").json()
    assert (second["id"], second["state"]) == (first["id"], "acknowledged")
    assert Command.objects.filter(request_type=first["request_type"]).count() == 1


def test_a_command_is_refused_when_its_key_was_used_for_another_device(
    operator: Program, sample: Sample, commands: str
) -> None:
    other = add_device(7, group=sample.group)
    add_enrollment(other)
    body = {"request_type": "CertificateList"}
    assert post_again(operator, commands, body, text="1").status_code == 201
    answer = post_again(operator, f"devices/{other.public_id}/commands", body, text="1")
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_reused")
    assert not Command.objects.filter(device=other).exists()


def test_many_are_asked_once_when_a_program_asks_again(operator: Program, sample: Sample) -> None:
    body = {"request_type": "CertificateList", "group": sample.group.public_id}
    first = post_again(operator, "bulk-commands", body, text="1")
    add_enrollment(add_device(7, group=sample.group))  # who has joined since is not asked
    second = post_again(operator, "bulk-commands", body, text="1")
    assert first.json()["id"] == second.json()["id"]
    assert BulkCommand.objects.filter(name="CertificateList").count() == 1


def test_a_key_is_forgotten_when_a_day_is_over(operator: Program, token: dict[str, Any]) -> None:
    first = post_again(operator, "enrollment/tokens", token, text="1").json()
    RepeatableRequest.objects.update(created_at=timezone.now() - timedelta(hours=25))
    post_again(operator, "enrollment/tokens", token, text="2")
    assert [row.text for row in RepeatableRequest.objects.all()] == ["2"]
    assert post_again(operator, "enrollment/tokens", token, text="1").json()["jti"] != first["jti"]


def test_a_copy_of_the_database_tells_no_pin_when_its_keys_stay_here(
    operator: Program, token: dict[str, Any], settings: Any
) -> None:
    """What was asked for is known by the encryption keys alone, also while these are replaced."""
    first = post_again(operator, "enrollment/tokens", token, text="1").json()
    old, new = settings.GUARDMDM_KEY_RING, decode_key_ring(generate_key())
    settings.GUARDMDM_KEY_RING = type(old)((*new.keys, *old.keys))
    assert post_again(operator, "enrollment/tokens", token, text="1").json() == first
    post_again(operator, "enrollment/tokens", token, text="2")
    rows = RepeatableRequest.objects.filter(text__in=("1", "2"))
    assert len({row.fingerprint for row in rows}) == 2


@pytest.mark.parametrize("text", ["", "x" * 256, "a\tb"])
def test_a_key_is_refused_when_it_is_empty_or_long(
    text: str, operator: Program, token: dict[str, Any]
) -> None:
    answer = post_again(operator, "enrollment/tokens", token, text=text)
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == ["Idempotency-Key"]


@pytest.mark.django_db(transaction=True)
def test_one_token_is_made_when_a_program_asks_several_times_at_once(
    operator: Program, token: dict[str, Any]
) -> None:
    text = str(uuid.uuid4())

    def ask(_: int) -> str:
        try:
            answer = post_again(operator, "enrollment/tokens", token, text=text)
            return str(answer.json().get("jti"))
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as programs:
        assert len(set(programs.map(ask, range(4)))) == 1
    assert EnrollmentToken.objects.filter(name="Autumn").count() == 1
