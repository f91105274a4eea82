"""`manage.py rotate_token_key`, as an operator calls it."""

import io
import json
from typing import Any

import jwt
import pytest
from django.core.management import call_command
from django.test import Client

from enrollment.services.token_texts import build_token_text
from organization.models import AuditEntry
from tests.enrollment.conftest import MakeToken

pytestmark = pytest.mark.django_db


def rotate() -> dict[str, Any]:
    output = io.StringIO()
    call_command("rotate_token_key", json=True, stdout=output)
    answer: dict[str, Any] = json.loads(output.getvalue())
    return answer


def test_new_tokens_name_the_new_key_when_it_was_rotated(make_token: MakeToken) -> None:
    old = make_token()
    made = rotate()
    assert jwt.get_unverified_header(build_token_text(make_token()))["kid"] == made["kid"]
    assert jwt.get_unverified_header(build_token_text(old))["kid"] != made["kid"]
    assert AuditEntry.objects.get(action="token_key.rotate").subject_id == made["kid"]


def test_links_in_circulation_open_when_the_key_was_rotated(
    make_token: MakeToken, client: Client
) -> None:
    link = f"/enroll?token={build_token_text(make_token())}"
    rotate()
    assert client.get(link).status_code == 200


def test_tokens_that_are_still_good_are_counted_when_the_key_is_rotated(
    make_token: MakeToken,
) -> None:
    before = rotate()["active_tokens_of_earlier"]
    make_token()
    make_token(expires=-1)
    assert rotate()["active_tokens_of_earlier"] == before + 1
