"""Inviting people by REST."""

import pytest

from enrollment.models import Invitation
from enrollment.services.token_texts import build_enrollment_url
from enrollment.services.tokens import revoke_token
from tests.rest.conftest import Program, Sample

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_sample")]


def get_path(sample: Sample) -> str:
    return f"enrollment/tokens/{sample.token.jti}/invitations"


def test_people_are_invited_and_listed_without_their_links(
    operator: Program, sample: Sample
) -> None:
    body = {
        "people": [{"name": "Bob", "email": "bob@example.com", "language": "de"}],
        "mail": False,
    }
    answer = operator.post(get_path(sample), body)
    assert (answer.status_code, answer.json()) == (
        201,
        {"invited": 1, "known": 0, "left_out": []},
    )
    bob, ann = operator.list(get_path(sample))
    assert (bob["email"], bob["language"], bob["state"]) == ("bob@example.com", "de", "invited")
    assert "url" not in bob
    assert operator.list(get_path(sample), search="ann") == [ann]
    assert operator.list(get_path(sample), state="enrolled") == []


def test_csv_is_refused_by_line_or_its_good_lines_are_taken(
    operator: Program, sample: Sample
) -> None:
    body = {"csv": "Bob;bob@example.com\nEve;\n", "mail": False}
    answer = operator.post(get_path(sample), body)
    assert answer.status_code == 400
    assert answer.json()["errors"] == {"csv": ["line 2: There is no e-mail address."]}
    answer = operator.post(get_path(sample), {**body, "leave_out": True})
    assert answer.json() == {
        "invited": 1,
        "known": 0,
        "left_out": [{"line": 2, "text": "There is no e-mail address."}],
    }


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"people": [], "mail": False},
        {"people": [{"email": "x@example.com"}], "csv": "x", "mail": False},
        {"people": [{"email": "a@b.example\r\nBcc: c@d.example"}], "mail": False},
        {"people": [{"email": "a@b.example", "name": "A\r\nBcc: c@d.example"}], "mail": False},
        {"people": [{"email": "a@b.example"}], "mail": False, "language": "tlh"},
        {"people": [{"email": "a@b.example"}], "mail": True},  # there is no mail server
    ],
)
def test_nobody_is_invited_when_the_list_is_wrong(
    body: object, operator: Program, sample: Sample
) -> None:
    answer = operator.post(get_path(sample), body)
    assert answer.status_code in (400, 409), answer.content
    assert Invitation.objects.count() == 1


def test_link_is_shown_to_those_who_may_hand_it_out(
    operator: Program, auditor: Program, sample: Sample
) -> None:
    path = f"enrollment/invitations/{sample.invitation.public_id}"
    assert operator.get(path).json()["url"] == build_enrollment_url(sample.invitation.token)
    assert auditor.get(path).json()["url"] is None


def test_link_is_revoked_alone_or_with_the_token(operator: Program, sample: Sample) -> None:
    path = f"enrollment/invitations/{sample.invitation.public_id}"
    answer = operator.post(f"{path}/revoke")
    assert (answer.status_code, answer.json()["state"]) == (200, "revoked")
    assert operator.post(f"{path}/mail").status_code == 409
    revoke_token(sample.token, actor="tests")
    body = {"people": [{"email": "bob@example.com"}], "mail": False}
    assert operator.post(get_path(sample), body).json()["code"] == "token_dead"
