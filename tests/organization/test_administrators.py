import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import connection

from organization.errors import AdministratorExists, AdministratorNeeded
from organization.models import Administrator, AuditEntry, Role
from organization.services.administrators import (
    create_administrator,
    delete_administrator,
    reset_password,
    update_administrator,
)

pytestmark = pytest.mark.django_db


def test_a_one_time_password_signs_in_and_must_be_changed():
    administrator, password = create_administrator("Ada@Example.com")
    assert administrator.email == "ada@example.com"
    assert administrator.must_change_password
    assert administrator.check_password(password)
    assert len(password) >= 16


def test_a_chosen_password_stays():
    administrator, _ = create_administrator("ada@example.com", password="correct horse battery")
    assert not administrator.must_change_password
    assert authenticate(email="ada@example.com", password="correct horse battery") == administrator


def test_a_weak_password_is_refused():
    with pytest.raises(ValidationError):
        create_administrator("ada@example.com", password="password")


def test_a_second_account_with_the_same_address_is_refused():
    create_administrator("ada@example.com")
    with pytest.raises(AdministratorExists):
        create_administrator("ADA@example.com")


def test_the_audit_log_names_the_account_and_not_its_password():
    administrator, password = create_administrator("ada@example.com", actor="eve@example.com")
    entry = AuditEntry.objects.get(action="administrator.create", subject="ada@example.com")
    assert (entry.actor, entry.subject_id) == ("eve@example.com", administrator.public_id)
    assert password not in str(entry.__dict__)


def test_a_reset_password_replaces_the_old_one():
    administrator, old = create_administrator("ada@example.com")
    new = reset_password(administrator, actor="eve@example.com")
    administrator.refresh_from_db()
    assert administrator.check_password(new)
    assert not administrator.check_password(old)
    assert administrator.must_change_password


def test_a_forgotten_password_is_replaced_by_command(capsys):
    administrator, _ = create_administrator("ada@example.com", password="correct horse battery")
    Authenticator.objects.create(user=administrator, type=Authenticator.Type.TOTP, data={})
    call_command("reset_password", "Ada@Example.com", "--json")
    password = json.loads(capsys.readouterr().out)["password"]
    administrator.refresh_from_db()
    assert administrator.check_password(password)
    assert administrator.must_change_password
    assert Authenticator.objects.filter(user=administrator).exists()


def test_a_lost_second_factor_is_removed_when_asked_for(capsys):
    administrator, _ = create_administrator("ada@example.com")
    Authenticator.objects.create(user=administrator, type=Authenticator.Type.TOTP, data={})
    call_command("reset_password", "ada@example.com", "--remove-second-factor")
    administrator.refresh_from_db()
    assert administrator.check_password(capsys.readouterr().out.strip())
    assert not Authenticator.objects.filter(user=administrator).exists()
    entry = AuditEntry.objects.get(action="administrator.reset_password")
    assert (entry.actor, entry.detail) == ("manage.py", {"second_factor_removed": True})


def test_a_password_is_reset_for_nobody_when_the_address_is_unknown():
    create_administrator("ada@example.com")
    with pytest.raises(CommandError, match=r"Nobody signs in as eve.* Administrators: .*ada@"):
        call_command("reset_password", "eve@example.com")


def lower(administrator, *, actor):
    return update_administrator(
        administrator, name="", role=Role.AUDITOR, is_active=True, actor=actor
    )


def test_the_last_administrator_stays():
    Administrator.objects.update(role=Role.AUDITOR)
    ada, _ = create_administrator("ada@example.com")
    create_administrator("eve@example.com", role=Role.OPERATOR)
    gone, _ = create_administrator("gone@example.com")
    update_administrator(gone, name="", role=Role.ADMINISTRATOR, is_active=False, actor="manage.py")
    with pytest.raises(AdministratorNeeded):
        lower(ada, actor="manage.py")
    with pytest.raises(AdministratorNeeded):
        delete_administrator(ada, actor="manage.py")
    assert Administrator.objects.get(email="ada@example.com").role == Role.ADMINISTRATOR


def test_a_role_that_was_taken_meanwhile_does_not_come_back_unnoticed():
    ada, _ = create_administrator("ada@example.com")
    create_administrator("eve@example.com")
    read_before = Administrator.objects.get(pk=ada.pk)
    lower(ada, actor="eve@example.com")
    given = {"name": "Ada", "role": Role.ADMINISTRATOR, "is_active": True}
    update_administrator(read_before, **given, actor="eve@example.com")
    entry = AuditEntry.objects.filter(action="administrator.update").latest("pk")
    assert entry.detail == {"role": "administrator", "signed_out": "everywhere"}


@pytest.mark.django_db(transaction=True)
def test_of_two_who_lower_each_other_at_once_one_stays():
    Administrator.objects.update(role=Role.AUDITOR)
    ada, _ = create_administrator("ada@example.com")
    eve, _ = create_administrator("eve@example.com")
    start = threading.Barrier(2)

    def lower_other(other, actor):
        start.wait()
        try:
            lower(other, actor=actor)
        except AdministratorNeeded:
            return "refused"
        finally:
            connection.close()
        return "lowered"

    with ThreadPoolExecutor(2) as pool:
        outcomes = pool.map(lower_other, (ada, eve), ("eve@example.com", "ada@example.com"))
        assert sorted(outcomes) == ["lowered", "refused"]
    assert Administrator.objects.filter(role=Role.ADMINISTRATOR).count() == 1
