"""SCEP profiles: what an administrator may configure, and the command that does it."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from organization.models import AuditEntry
from scep.errors import ProfileInUse, ProfileInvalid
from scep.models import DynamicChallenge, ScepProfile
from scep.services.challenges import create_dynamic_challenge
from scep.services.profiles import create_scep_profile, delete_scep_profile, update_scep_profile
from tests.scep.conftest import STATIC_CHALLENGE, Ask
from tests.scep.device import Device

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "  "},
        {"name": "x" * 101},
        {"name": "Default"},
        {"challenge_type": "none"},
        {"challenge_type": "static"},
        {"challenge_type": "static", "static_challenge": ""},
        {"challenge_type": "static", "static_challenge": "short"},
        {"challenge_type": "static", "static_challenge": "control \x01 character"},
        {"challenge_type": "dynamic", "static_challenge": "not used here"},
        {"key_size": 1024},
        {"validity_days": 0},
        {"validity_days": 5000},
    ],
    ids=str,
)
def test_profile_is_refused_when_it_cannot_work(wrong: dict[str, object]) -> None:
    before = ScepProfile.objects.count()
    values: dict[str, object] = {"name": "New", "challenge_type": "dynamic", "actor": "tests"}
    with pytest.raises(ProfileInvalid):
        create_scep_profile(**(values | wrong))  # type: ignore[arg-type]
    assert ScepProfile.objects.count() == before


def test_static_challenge_is_kept_when_an_update_names_none(static_profile: ScepProfile) -> None:
    values = {"allow_legacy": True, "key_size": 4096, "validity_days": 90, "actor": "a@b.example"}
    update_scep_profile(static_profile, name="Renamed", challenge_type="static", **values)  # type: ignore[arg-type]
    static_profile.refresh_from_db()
    assert static_profile.static_challenge == STATIC_CHALLENGE.encode()
    assert (static_profile.name, static_profile.key_size) == ("Renamed", 4096)
    assert AuditEntry.objects.get(action="scep_profile.update").actor == "a@b.example"
    update_scep_profile(static_profile, name="Renamed", challenge_type="dynamic", **values)  # type: ignore[arg-type]
    static_profile.refresh_from_db()
    assert static_profile.static_challenge is None


def test_profile_is_kept_when_certificates_refer_to_it(
    static_profile: ScepProfile, ra: object, ask: Ask
) -> None:
    ask(static_profile, Device().build_request(ra=ra, challenge=STATIC_CHALLENGE))  # type: ignore[arg-type]
    with (
        CaptureQueriesContext(connection) as queries,
        pytest.raises(ProfileInUse, match="used by issued certificates and"),
    ):
        delete_scep_profile(static_profile, actor="tests")
    read = [each["sql"] for each in queries if 'FROM "scep_issuedcertificate"' in each["sql"]]
    assert len(read) == 1
    assert "LIMIT 1" in read[0], "there may be 200,000"
    assert ScepProfile.objects.filter(name="Static").exists()


def test_profile_is_gone_when_nothing_refers_to_it(static_profile: ScepProfile) -> None:
    delete_scep_profile(static_profile, actor="tests")
    assert not ScepProfile.objects.filter(name="Static").exists()
    assert AuditEntry.objects.filter(action="scep_profile.delete", subject="Static").exists()


def test_profile_goes_with_its_challenges_when_they_have_brought_nothing(
    static_profile: ScepProfile,
) -> None:
    create_dynamic_challenge(static_profile, session_id="", now=timezone.now())
    delete_scep_profile(static_profile, actor="tests")
    assert not DynamicChallenge.objects.exists()


def test_command_prints_id_and_url_when_a_profile_is_made() -> None:
    out = StringIO()
    call_command(
        "create_scep_profile", "--name", "Kiosks", "--challenge", "static",
        "--static-challenge", STATIC_CHALLENGE, "--allow-legacy", "--json", stdout=out,
    )  # fmt: skip
    answer = json.loads(out.getvalue())
    profile = ScepProfile.objects.get(name="Kiosks")
    assert answer == {
        "id": profile.public_id,
        "url": f"http://127.0.0.1:8000/scep/{profile.public_id}",
    }
    assert profile.allow_legacy
    assert STATIC_CHALLENGE not in out.getvalue()


@pytest.mark.parametrize("challenge", [" " * 8, "\u00a0" * 20, "seven 77 \t", "üüüü", "ü" * 7])
def test_static_challenge_is_refused_when_it_has_too_few_characters(
    ra: object, challenge: str
) -> None:
    with pytest.raises(ProfileInvalid, match="8 characters that are no blanks"):
        create_scep_profile(
            name="Short", challenge_type="static", static_challenge=challenge, actor="tests"
        )


def test_command_fails_with_the_reason_when_the_profile_cannot_work() -> None:
    with pytest.raises(CommandError, match="static challenge needs"):
        call_command("create_scep_profile", "--name", "X", "--challenge", "static")
