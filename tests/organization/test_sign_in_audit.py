"""The audit log of sign-ins: who, from where, with what; and what fails."""

import pytest
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.test import Client

from organization.models import AuditEntry
from organization.services.administrators import create_administrator

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
    secret = "JBSWY3DPEHPK3PXP"
    TOTP.activate(ada, secret)
    client = sign_in()
    client.post("/accounts/2fa/authenticate/", {"code": "000000"})
    assert list_entries("sign_in") == [("sign_in.failed", {"by": "totp"}, ADDRESS)]
    counter = next(yield_hotp_counters_from_time())
    code = format_hotp_value(hotp_value(secret, counter))
    client.post("/accounts/2fa/authenticate/", {"code": code})
    assert list_entries("sign_in")[-1] == ("sign_in", {"by": "password, totp"}, ADDRESS)


def test_a_changed_password_and_factor_are_noted(ada, django_capture_on_commit_callbacks):
    client = sign_in()
    change = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
    client.post("/accounts/password/change/", change)
    client.post("/accounts/reauthenticate/", {"password": NEW})
    page = client.get("/accounts/2fa/totp/activate/")
    secret = page.context["form"].secret
    code = format_hotp_value(hotp_value(secret, next(yield_hotp_counters_from_time())))
    with django_capture_on_commit_callbacks(execute=True):
        client.post("/accounts/2fa/totp/activate/", {"code": code})
        client.post("/accounts/2fa/totp/deactivate/")
    noted = [(action, detail.get("factor")) for action, detail, _ in list_entries("administrator.")]
    assert noted[0] == ("administrator.change_password", None)
    assert ("administrator.add_second_factor", "totp") in noted
    assert ("administrator.remove_second_factor", "totp") in noted
