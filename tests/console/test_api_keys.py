"""System › API keys: made and shown once, good for the REST interface until revoked."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from organization.models import ApiKey, AuditEntry

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_world")]

KEYS = "/console/system/api-keys/"


def ask(key: str, path: str = "groups", method: str = "get", **values: str) -> int:
    headers = {"Authorization": f"Bearer {key}"}
    call = getattr(Client(), method)
    given = {"content_type": "application/json"} if method != "get" else {}
    return int(call(f"/api/v1/{path}", values, headers=headers, **given).status_code)


def create(client: Client, role: str, name: str = "Inventory") -> str:
    answer = client.post(f"{KEYS}new", {"name": name, "role": role})
    assert answer["Cache-Control"] == "no-store"
    found = re.search(r'id="key" value="(gmk_[^"]+)"', answer.content.decode())
    assert found
    return found[1]


def test_a_key_is_shown_once_and_works_with_its_role(administrator: Client) -> None:
    key = create(administrator, "auditor")
    assert ask(key) == 200
    assert ask(key, method="post", name="Night shift") == 403
    page = administrator.get(KEYS).content.decode()
    assert key not in page
    assert key[:10] in page
    other = create(administrator, "operator", "Shifts")
    assert ask(other, method="post", name="Night shift") == 201
    assert AuditEntry.objects.filter(actor="key:Shifts", action="group.create").exists()


def test_two_keys_of_one_name_could_not_be_told_apart(administrator: Client) -> None:
    key = create(administrator, "auditor")
    values = {"name": "inventory", "role": "auditor"}
    assert b"This name is taken." in administrator.post(f"{KEYS}new", values).content
    administrator.post(f"{KEYS}{ApiKey.objects.get(hint=key[:10]).public_id}/revoke")
    create(administrator, "auditor")


def test_a_revoked_key_is_refused(administrator: Client) -> None:
    key = create(administrator, "auditor")
    row = ApiKey.objects.get(hint=key[:10])
    assert b"cannot be undone" in administrator.get(f"{KEYS}{row.public_id}/revoke").content
    administrator.post(f"{KEYS}{row.public_id}/revoke")
    assert ask(key) == 401
    assert "Inventory" in administrator.get(f"{KEYS}?is_revoked=yes").content.decode()
    assert "Inventory" not in administrator.get(f"{KEYS}?is_revoked=no").content.decode()
    entry = AuditEntry.objects.get(action="api_key.revoke")
    assert (entry.actor, entry.subject_id) == ("administrator@example.org", row.public_id)


def test_only_administrators_find_it_in_the_navigation(
    administrator: Client, operator: Client
) -> None:
    assert KEYS in administrator.get("/console/").content.decode()
    assert KEYS not in operator.get("/console/").content.decode()


def test_a_key_expires_in_a_year_unless_something_else_is_chosen(administrator: Client) -> None:
    create(administrator, "auditor")
    key = ApiKey.objects.get(name="Inventory")
    assert key.expires_at is not None
    assert timedelta(days=364) < key.expires_at - timezone.now() <= timedelta(days=365)
    values = {"name": "Always", "role": "auditor", "expires_at": "never"}
    assert "It never expires." in administrator.post(f"{KEYS}new", values).content.decode()
    assert "until somebody notices" in administrator.get(f"{KEYS}new").content.decode()
    ApiKey.objects.filter(pk=key.pk).update(expires_at=timezone.now())
    assert "Inventory" in administrator.get(f"{KEYS}?is_revoked=yes").content.decode()
    assert "Inventory" not in administrator.get(f"{KEYS}?is_revoked=no").content.decode()
