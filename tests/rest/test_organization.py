"""The organization, API keys, and what a program hears when the server cannot."""

import base64
import hashlib
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import OperationalError
from PIL import Image

from organization.models import ApiKey, Organization, PreparedSelect
from tests.organization.protocol.test_logo import SVG, encode
from tests.rest.conftest import Program

pytestmark = pytest.mark.django_db


def test_organization_is_named_when_asked(auditor: Program) -> None:
    row = auditor.get("organization").json()
    assert row["id"] == Organization.objects.get().public_id
    assert row["name"] == "Example Org"


def test_answer_is_503_when_the_server_is_not_set_up(
    auditor: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = PreparedSelect(lambda: Organization.objects.filter(pk=0))
    monkeypatch.setattr("organization.selectors.FIRST_ORGANIZATION", nobody)
    answer = auditor.get("organization")
    assert (answer.status_code, answer.json()["code"]) == (503, "not_set_up")
    assert answer["Retry-After"]


def test_answer_is_503_without_details_when_the_database_is_away(
    auditor: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OperationalError("connection to 10.0.0.5 refused")

    monkeypatch.setattr("organization.rest.collections.get_organization", fail)
    answer = auditor.get("organization")
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert answer["Retry-After"]
    assert b"10.0.0.5" not in answer.content


def test_key_is_shown_once_and_works_when_created(administrator: Program) -> None:
    created = administrator.post("api-keys", {"name": "ticketing", "role": "operator"}).json()
    assert Program(created["key"]).get("devices").status_code == 200
    shown = administrator.get(f"api-keys/{created['id']}").json()
    assert shown == {**shown, "name": "ticketing", "role": "operator", "revoked_at": None}
    for answer in (administrator.get("api-keys"), administrator.get(f"api-keys/{created['id']}")):
        assert created["key"] not in answer.content.decode()
        assert hashlib.sha256(created["key"].encode()).hexdigest() not in answer.content.decode()


def test_key_may_only_read_when_no_role_is_asked_for(administrator: Program) -> None:
    assert administrator.post("api-keys", {"name": "reader"}).json()["role"] == "auditor"


def test_key_stops_working_when_revoked(administrator: Program) -> None:
    created = administrator.post("api-keys", {"name": "short-lived"}).json()
    program = Program(created["key"])
    assert program.get("devices").status_code == 200
    revoked = administrator.post(f"api-keys/{created['id']}/revoke").json()
    assert revoked["revoked_at"] is not None
    assert program.get("devices").status_code == 401


def test_key_can_revoke_itself_when_it_is_the_last(administrator: Program) -> None:
    own = ApiKey.objects.get(name="administrator program")
    assert administrator.post(f"api-keys/{own.public_id}/revoke").status_code == 200
    assert administrator.get("api-keys").status_code == 401


def test_branding_is_changed_when_an_administrators_program_asks(administrator: Program) -> None:
    logo = base64.b64encode(encode(Image.new("RGB", (90, 30), "teal"))).decode()
    changes = {"name": "Example AG", "accent_colour": "#C2185B", "logo": logo}
    row = administrator.patch("organization", changes).json()
    assert (row["name"], row["accent_colour"]) == ("Example AG", "#c2185b")
    path = urlsplit(row["logo_url"]).path
    assert administrator.client.get(path)["Content-Type"] == "image/png"
    assert administrator.patch("organization", {"logo": None}).json()["logo_url"] is None
    assert administrator.get("organization").json()["name"] == "Example AG"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"logo": base64.b64encode(SVG).decode(), "name": "Changed"}, "logo_refused"),
        ({"logo": "%%%"}, "invalid"),
        ({"accent_colour": "red"}, "invalid"),
        ({"name": ""}, "invalid"),
    ],
)
def test_nothing_is_changed_when_one_value_is_refused(
    administrator: Program, changes: dict[str, Any], code: str
) -> None:
    answer = administrator.patch("organization", changes)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert administrator.get("organization").json()["name"] == "Example Org"


def test_new_enrollments_are_stopped_when_an_administrators_program_says_so(
    administrator: Program,
) -> None:
    row = administrator.patch("organization", {"enrollment_stopped": True}).json()
    assert row["enrollment_stopped_by"] == "key:administrator program"
    assert row["enrollment_stopped_at"]
    assert administrator.patch("organization", {"name": "Other"}).json()["enrollment_stopped_at"]
    row = administrator.patch("organization", {"enrollment_stopped": False}).json()
    assert (row["enrollment_stopped_at"], row["enrollment_stopped_by"]) == (None, "")
