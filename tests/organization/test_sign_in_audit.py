"""The audit log of sign-ins: who, from where, with what; and what fails."""

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.test import Client

from organization.models import AuditEntry
from organization.services.administrators import create_administrator
from organization.services.api_keys import create_api_key
from tests.organization.totp import build_code, make_secret

pytestmark = pytest.mark.django_db
PASSWORD, NEW = "correct horse battery", "another long password 7"
ADDRESS = "203.0.113.9"


@pytest.fixture
def ada():
    return create_administrator("ada@example.com", password=PASSWORD)[0]


def sign_in(password=PASSWORD, email="ada@example.com"):
    client = Client(REMOTE_ADDR=ADDRESS)
    client.post("/accounts/login/", {"login": email, "password": password})
    return client


def list_entries(action):
    entries = AuditEntry.objects.filter(action__startswith=action, actor="ada@example.com")
    return [(each.action, each.detail, each.remote_address) for each in entries.order_by("pk")]


def test_a_sign_in_is_noted_with_its_address(ada):
    client = sign_in()
    assert list_entries("sign_in") == [("sign_in", {"by": "password"}, ADDRESS)]
    assert ADDRESS in client.get("/console/system/audit-log/?kind=sign-ins").content.decode()
    assert ADDRESS not in client.get("/console/system/audit-log/?kind=changes").content.decode()


def test_a_wrong_password_is_noted_and_not_kept(ada):
    sign_in("hunter2 hunter2", email="ADA@example.com")
    assert list_entries("sign_in") == [("sign_in.failed", {"by": "password"}, ADDRESS)]
    assert "hunter2" not in str(list(AuditEntry.objects.values()))


def test_what_is_typed_for_no_account_is_not_noted(ada):
    before = AuditEntry.objects.count()
    sign_in(email="hunter2@example.com")
    assert AuditEntry.objects.count() == before


def test_both_factors_of_a_sign_in_are_noted(ada):
    secret = make_secret()
    TOTP.activate(ada, secret)
    client = sign_in()
    client.post("/accounts/2fa/authenticate/", {"code": "000000"})
    assert list_entries("sign_in") == [("sign_in.failed", {"by": "totp"}, ADDRESS)]
    client.post("/accounts/2fa/authenticate/", {"code": build_code(secret)})
    assert list_entries("sign_in")[-1] == ("sign_in", {"by": "password, totp"}, ADDRESS)


def test_a_changed_password_and_factor_are_noted(ada, django_capture_on_commit_callbacks):
    client = sign_in()
    change = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
    client.post("/accounts/password/change/", change)
    client.post("/accounts/reauthenticate/", {"password": NEW})
    page = client.get("/accounts/2fa/totp/activate/")
    secret = page.context["form"].secret
    code = build_code(secret)
    with django_capture_on_commit_callbacks(execute=True):
        client.post("/accounts/2fa/totp/activate/", {"code": code})
        client.post("/accounts/2fa/totp/deactivate/")
    noted = [(action, detail.get("factor")) for action, detail, _ in list_entries("administrator.")]
    assert noted[0] == ("administrator.change_password", None)
    assert ("administrator.add_second_factor", "totp") in noted
    assert ("administrator.remove_second_factor", "totp") in noted


def test_a_change_is_noted_with_its_address_and_one_by_command_without(ada):
    client = sign_in()
    client.post("/console/groups/new", {"name": "Night shift", "description": ""})
    assert list_entries("group.create") == [("group.create", {}, ADDRESS)]
    _, key = create_api_key("Shifts", role="operator", actor="manage.py")
    program = Client(REMOTE_ADDR="198.51.100.7", headers={"Authorization": f"Bearer {key}"})
    program.post("/api/v1/groups", {"name": "Day shift"}, content_type="application/json")
    entry = AuditEntry.objects.get(actor="key:Shifts", action="group.create")
    assert entry.remote_address == "198.51.100.7"
    assert AuditEntry.objects.get(action="api_key.create").remote_address is None


def test_a_change_behind_a_proxy_is_noted_with_the_persons_address(ada, settings):
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    client = Client(REMOTE_ADDR="127.0.0.1", HTTP_X_FORWARDED_FOR=f"192.0.2.66, {ADDRESS}")
    client.force_login(ada)
    client.post("/console/groups/new", {"name": "Night shift", "description": ""})
    assert list_entries("group.create") == [("group.create", {}, ADDRESS)]
