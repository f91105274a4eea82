from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from organization.errors import ApiKeyInvalid
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
    start = timezone.now()
    for seconds in (0, 59, 61):
        verify_api_key(text, now=start + timedelta(seconds=seconds))
        key.refresh_from_db()
        assert key.last_used_at == start + timedelta(seconds=0 if seconds < 60 else 61)


def test_the_command_prints_a_working_key(capsys):
    call_command("create_api_key", name="CI", role="auditor")
    text = capsys.readouterr().out.strip()
    assert verify_api_key(text, now=timezone.now()).role == Role.AUDITOR
