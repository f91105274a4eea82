"""`manage.py create_token`, as scripts call it."""

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from devices.models import Group
from enrollment.models import EnrollmentToken
from enrollment.services.allow_list import list_allowed_serials
from enrollment.services.token_texts import verify_bare_token

pytestmark = pytest.mark.django_db


def create(**options: Any) -> dict[str, str]:
    output = io.StringIO()
    call_command("create_token", name="CI", json=True, stdout=output, **options)
    answer: dict[str, str] = json.loads(output.getvalue())
    return answer


def test_url_opens_when_a_script_made_the_token(client: Client, bootstrapped: None) -> None:
    group = Group.objects.create(name="Lab")
    answer = create(group="Lab", expires="24h", max_uses=5, scep_profile="Default")
    assert set(answer) == {"jti", "token", "url"}
    token = verify_bare_token(answer["token"], now=timezone.now())
    assert (token.jti, token.group, token.max_uses) == (answer["jti"], group, 5)
    assert token.scep_profile is not None
    path = answer["url"].removeprefix(client_base(answer["url"]))
    assert client.get(path).status_code == 200


def client_base(url: str) -> str:
    return url.split("/enroll")[0]


def test_token_has_a_limit_and_an_end_when_nothing_is_said(bootstrapped: None) -> None:
    token = EnrollmentToken.objects.get(jti=create()["jti"])
    assert token.expires_at is not None
    assert token.max_uses > 0


def test_token_never_expires_when_asked_so(bootstrapped: None) -> None:
    assert EnrollmentToken.objects.get(jti=create(expires="never")["jti"]).expires_at is None


@pytest.mark.parametrize(("options", "level"), [({}, "full"), ({"rights": "byod"}, "byod")])
def test_token_asks_for_everything_unless_a_script_says_less(
    bootstrapped: None, options: dict[str, str], level: str
) -> None:
    assert EnrollmentToken.objects.get(jti=create(**options)["jti"]).rights == level


def test_token_identifies_devices_first_when_a_script_says_so(bootstrapped: None) -> None:
    assert not EnrollmentToken.objects.get(jti=create()["jti"]).profile_service
    assert EnrollmentToken.objects.get(jti=create(profile_service=True)["jti"]).profile_service


def test_token_lets_in_the_devices_that_a_script_names(bootstrapped: None) -> None:
    token = EnrollmentToken.objects.get(jti=create(allow_serial=["c02xyz", "DMPX"])["jti"])
    assert list_allowed_serials(token) == ["C02XYZ", "DMPX"]
    with pytest.raises(CommandError, match="no serial number"):
        create(allow_serial=["not one"])


@pytest.mark.parametrize(
    "options",
    [
        {"group": "No such"},
        {"group": ""},
        {"scep_profile": "No such"},
        {"scep_profile": ""},
        {"expires": "soon"},
    ],
)
def test_command_fails_when_an_option_names_nothing(
    bootstrapped: None, options: dict[str, str]
) -> None:
    """Empty is what a script hands over whose variable is not set."""
    before = EnrollmentToken.objects.count()
    with pytest.raises(CommandError):
        create(**options)
    assert EnrollmentToken.objects.count() == before
