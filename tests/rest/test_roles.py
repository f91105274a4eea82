"""A4: every endpoint as each role and as nobody; T4: what is no API key opens none of them."""

import re
from typing import Any

import pytest
from django.utils import timezone

from enrollment.services.token_texts import build_challenge, build_token_text
from organization.models import Administrator, ApiKey
from organization.services.api_keys import revoke_api_key
from tests.rest.conftest import Program, Sample
from tests.rest.documented import get_document
from tests.rest.operations import OPERATIONS, ROLES, build_path

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_sample")]


def _send(program: Program, operation: str, sample: Sample) -> Any:
    method, _, template = operation.partition(" ")
    body: dict[str, Any] | None = None if method == "GET" else {}
    return program.send(method, build_path(template, sample), body)


def test_operations_are_those_of_the_document_when_one_is_added() -> None:
    documented = {
        f"{method.upper()} {path.removeprefix('/api/v1/')}"
        for path, operations in get_document()["paths"].items()
        for method in operations
    }
    listed = {
        re.sub(r"\{(?!item|secret|delivery)\w+\}", "{id}", operation) for operation in OPERATIONS
    }
    assert documented == listed


@pytest.mark.parametrize("operation", OPERATIONS)
def test_operation_is_open_exactly_when_role_suffices(
    operation: str, sample: Sample, request: pytest.FixtureRequest
) -> None:
    for role in ROLES:
        answer = _send(request.getfixturevalue(role), operation, sample)
        suffices = ROLES.index(role) >= ROLES.index(OPERATIONS[operation])
        assert answer.status_code < 500, answer.content
        assert answer.status_code != 401
        assert (answer.status_code == 403) is not suffices, (role, answer.content)
        if suffices and operation.startswith("GET"):
            assert answer.status_code == 200, answer.content
        assert answer["Cache-Control"] == "no-store"


def test_every_operation_answers_401_when_nobody_asks(nobody: Program, sample: Sample) -> None:
    for operation in OPERATIONS:
        answer = _send(nobody, operation, sample)
        assert answer.status_code == 401, operation
        assert answer["WWW-Authenticate"] == "Bearer"
        assert answer.json()["code"] == "not_authenticated"


def test_every_operation_answers_401_when_asked_with_an_enrollment_token(sample: Sample) -> None:
    for text in (build_token_text(sample.token), build_challenge(sample.session)):
        for operation in OPERATIONS:
            answer = _send(Program(text), operation, sample)
            assert answer.status_code == 401, operation
            assert "eyJhbGci" not in answer.content.decode()


def test_api_key_enrolls_nobody_when_used_as_a_token(administrator: Program) -> None:
    from enrollment.errors import TokenRefused
    from enrollment.services.token_texts import verify_token

    text = administrator.headers["Authorization"].removeprefix("Bearer ")
    with pytest.raises(TokenRefused):
        verify_token(text, now=timezone.now())


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer gmk_", "Basic Z21rXzp4", "Bearer gmk_é", "x" * 9000]
)
def test_key_is_refused_when_malformed(header: str, nobody: Program) -> None:
    nobody.headers = {"Authorization": header}
    assert nobody.get("devices").status_code == 401


def test_key_is_refused_when_revoked(auditor: Program) -> None:
    assert auditor.get("devices").status_code == 200
    revoke_api_key(ApiKey.objects.get(name="auditor program"), actor="tests")
    assert auditor.get("devices").status_code == 401


def test_console_session_is_no_key_when_signed_in(nobody: Program) -> None:
    person = Administrator.objects.create_user("p@example.com", "a long enough password")
    nobody.client.force_login(person)
    assert nobody.get("devices").status_code == 401


@pytest.mark.parametrize("request_type", ["EraseDevice", "InstallProfile", "RemoveProfile"])
def test_dangerous_command_is_refused_when_operator_asks(
    request_type: str, operator: Program, sample: Sample
) -> None:
    path = f"devices/{sample.device.public_id}/commands"
    answer = operator.post(path, {"request_type": request_type, "parameters": {}})
    assert answer.status_code == 403
    assert "administrator" in answer.json()["detail"]
    assert sample.enrollment.commands.count() == 1
