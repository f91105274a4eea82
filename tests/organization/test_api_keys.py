from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from organization.errors import ApiKeyExists, ApiKeyInvalid
from organization.models import ApiKey, AuditEntry, Role
from organization.services.api_keys import create_api_key, revoke_api_key, verify_api_key

pytestmark = pytest.mark.django_db


def test_a_key_is_known_again_by_its_text():
    key, text = create_api_key("CI", role=Role.OPERATOR, actor="ada@example.com")
    found = verify_api_key(text, now=timezone.now())
    assert (found.pk, found.role) == (key.pk, Role.OPERATOR)
    assert len(text) >= 4 + 43  # gmk_ and 256 bits in base64


def test_the_database_holds_no_key_text():
    key, text = create_api_key("CI", role=Role.AUDITOR, actor="ada@example.com")
    row = ApiKey.objects.values().get(pk=key.pk)
    assert text not in str(row)
    assert row["hint"] == text[:10]


@pytest.mark.parametrize("text", ["", "gmk_", "gmk_wrong", "eyJhbGciOiJSUzI1NiJ9.e30.x"])
def test_a_foreign_text_is_refused(text):
    create_api_key("CI", role=Role.AUDITOR, actor="ada@example.com")
    with pytest.raises(ApiKeyInvalid):
        verify_api_key(text, now=timezone.now())


def test_a_revoked_key_is_refused_from_the_next_request_on():
    key, text = create_api_key("CI", role=Role.AUDITOR, actor="ada@example.com")
    revoke_api_key(key, actor="ada@example.com")
    revoke_api_key(key, actor="eve@example.com")
    with pytest.raises(ApiKeyInvalid):
        verify_api_key(text, now=timezone.now())
    entries = AuditEntry.objects.filter(action="api_key.revoke", subject_id=key.public_id)
    assert [entry.actor for entry in entries] == ["ada@example.com"]


def test_use_is_noted_at_most_once_a_minute():
    key, text = create_api_key("CI", role=Role.AUDITOR, actor="ada@example.com")
    unused, _ = create_api_key("Forgotten", role=Role.AUDITOR, actor="ada@example.com")
    start = timezone.now()
    for seconds in (0, 59, 61):
        verify_api_key(text, now=start + timedelta(seconds=seconds))
        key.refresh_from_db()
        assert key.last_used_at == start + timedelta(seconds=0 if seconds < 60 else 61)
    unused.refresh_from_db()
    assert unused.last_used_at is None


def test_the_command_prints_a_working_key(capsys):
    call_command("create_api_key", name="CI", role="auditor")
    text = capsys.readouterr().out.strip()
    assert verify_api_key(text, now=timezone.now()).role == Role.AUDITOR


def test_an_expired_key_is_refused_and_says_so():
    start = timezone.now()
    _, text = create_api_key(
        "CI", role=Role.AUDITOR, actor="tests", expires_at=start + timedelta(days=1)
    )
    assert verify_api_key(text, now=start + timedelta(hours=23))
    with pytest.raises(ApiKeyInvalid, match="expired"):
        verify_api_key(text, now=start + timedelta(days=1))


def test_a_name_is_free_again_once_its_key_is_dead():
    now = timezone.now()
    create_api_key("CI", role=Role.AUDITOR, actor="tests", expires_at=now - timedelta(seconds=1))
    key, _ = create_api_key("ci", role=Role.AUDITOR, actor="tests")
    with pytest.raises(ApiKeyExists):
        create_api_key("CI", role=Role.AUDITOR, actor="tests")
    revoke_api_key(key, actor="tests")
    assert create_api_key("CI", role=Role.AUDITOR, actor="tests")


def test_the_command_makes_a_key_that_expires(capsys):
    call_command("create_api_key", name="CI", role="auditor", expires="24h")
    text = capsys.readouterr().out.strip()
    with pytest.raises(ApiKeyInvalid, match="expired"):
        verify_api_key(text, now=timezone.now() + timedelta(hours=25))
    with pytest.raises(CommandError, match="--expires"):
        call_command("create_api_key", name="CI", role="auditor", expires="2001-01-01")


def ask(key, **values):
    client = Client(headers={"Authorization": f"Bearer {key}"})
    return client.post("/api/v1/api-keys", values, content_type="application/json")


def test_programs_make_no_second_key_of_a_name_that_is_in_use():
    _, text = create_api_key("CI", role=Role.ADMINISTRATOR, actor="tests")
    refused = ask(text, name="ci", role="administrator")
    assert (refused.status_code, refused.json()["code"]) == (409, "name_taken")
    assert ask(text, name="Deploy", role="auditor").status_code == 201


def test_a_key_makes_none_that_outlives_it():
    end = timezone.now() + timedelta(days=1)
    _, text = create_api_key("CI", role=Role.ADMINISTRATOR, actor="tests", expires_at=end)
    later = (end + timedelta(days=1)).isoformat()
    refused = ask(text, name="Later", role="administrator", expires_at=later)
    assert (refused.status_code, refused.json()["code"]) == (400, "expires_too_late")
    for name, values in (("Same", {}), ("Null", {"expires_at": None})):
        made = ask(text, name=name, role="administrator", **values)
        assert made.status_code == 201
        assert ApiKey.objects.get(name=name).expires_at == end
    past = (timezone.now() - timedelta(hours=1)).isoformat()
    assert ask(text, name="Past", role="auditor", expires_at=past).status_code == 400
