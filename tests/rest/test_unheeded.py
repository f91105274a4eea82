"""Nothing that a program says is passed over in silence, and a refusal says which part is meant."""

import gzip
import json
from typing import Any

import pytest

from devices.models import Group
from tests.rest.conftest import Program, Sample
from tests.rest.operations import build_path

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_sample")]


@pytest.mark.parametrize(
    "template",
    [
        "organization",
        "devices/{device}",
        "devices/{device}/inventory",
        "devices/{device}/profiles",
        "groups/{group}",
    ],
)
def test_a_parameter_is_refused_when_one_thing_is_read(
    template: str, auditor: Program, sample: Sample
) -> None:
    answer = auditor.get(build_path(template, sample), search="x")
    assert answer.status_code == 400
    assert answer.json()["errors"] == {"search": ["is not a parameter of this request"]}


def test_nothing_is_done_when_a_change_has_a_parameter(operator: Program, sample: Sample) -> None:
    assert operator.post("groups?dry_run=1", {"name": "Trial"}).status_code == 400
    token = f"enrollment/tokens/{sample.token.jti}"
    assert operator.post(f"{token}/revoke?dry_run=1").status_code == 400
    assert operator.send("DELETE", f"groups/{sample.group.public_id}?name=x").status_code == 400
    assert not Group.objects.filter(name="Trial").exists()
    assert operator.get(token).json()["revoked_at"] is None


def test_a_compressed_body_is_refused_as_such_when_it_is_sent(operator: Program) -> None:
    answer = operator.send(
        "POST",
        "groups",
        data=gzip.compress(json.dumps({"name": "Packed"}).encode()),
        content_type="application/json",
        HTTP_CONTENT_ENCODING="gzip",
    )
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_content_encoding")
    plain = operator.send("POST", "groups", {"name": "Plain"}, HTTP_CONTENT_ENCODING="identity")
    assert plain.status_code == 201


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("groups", {"name": "a\0b"}, "name"),
        ("groups", {"name": "ok", "description": "\x1b[2J"}, "description"),
        (
            "enrollment/tokens/{token}/invitations",
            {"people": [{"email": "a@example.com"}, {"email": "b\x07@example.com"}]},
            "people.1.email",
        ),
        ("devices/{device}/commands", {"request_type": "ProfileList", "user": "usr_x"}, "user"),
        (
            "devices/{device}/commands",
            {"request_type": "ProfileList", "expires_at": "2020-01-01T00:00:00Z"},
            "expires_at",
        ),
        ("devices/{device}/commands/raw", {"command": "AAAA"}, "command"),
        ("bulk-commands", {"request_type": "EraseDevice", "devices": []}, "request_type"),
        ("bulk-commands", {"request_type": "Nonsense", "devices": []}, "request_type"),
        ("policies/{policy}/items", {"profile": "AAAA"}, "profile"),
    ],
)
def test_the_field_is_named_when_its_value_cannot_be_taken(
    path: str, body: dict[str, Any], field: str, administrator: Program, sample: Sample
) -> None:
    answer = administrator.post(build_path(path, sample), body)
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [field]


@pytest.mark.parametrize("body", [r'{"\ud800": "\u0000"}', r'{"name": [{"\udfff": "\u0000"}]}'])
def test_a_body_is_refused_when_the_name_of_a_bad_text_is_none_that_can_be_answered(
    body: str, operator: Program
) -> None:
    answer = operator.send("POST", "groups", data=body, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "parse_error")


@pytest.mark.parametrize("template", ["groups/{group}", "policies/{policy}"])
def test_a_description_is_refused_when_no_form_could_show_it(
    template: str, operator: Program, sample: Sample
) -> None:
    path = build_path(template, sample)
    assert operator.patch(path, {"description": "x" * 1000}).status_code == 200
    answer = operator.patch(path, {"description": "x" * 1001})
    assert list(answer.json()["errors"]) == ["description"]


def test_the_role_is_named_when_a_key_lacks_it(auditor: Program, operator: Program) -> None:
    assert auditor.post("groups", {}).json()["detail"] == "This needs the role operator."
    assert operator.get("api-keys").json()["detail"] == "This needs the role administrator."


@pytest.mark.parametrize("value", [["grp_x"], {"id": "grp_x"}, 7])
def test_an_id_is_asked_for_when_a_program_sends_something_else(
    value: Any, operator: Program
) -> None:
    answer = operator.post("enrollment/tokens", {"name": "x", "group": value})
    assert answer.json()["errors"] == {"group": ["Must be an id, as text."]}
