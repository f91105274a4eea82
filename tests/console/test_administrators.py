"""System › Administrators: accounts are made, changed and taken away, and never the last one."""

import re

import pytest
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.test import Client

from organization.models import Administrator, AuditEntry, Role
from tests.console.conftest import PASSWORD, sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_world")]

PEOPLE = "/console/system/administrators/"
NEW = "another long password 7"


def read_password(page: str) -> str:
    found = re.search(r'id="password" value="([^"]+)"', page)
    assert found, page
    return found[1]


def add(client: Client, email: str = "ada@example.org", role: str = "operator") -> str:
    answer = client.post(f"{PEOPLE}new", {"email": email, "name": "Ada", "role": role})
    assert answer["Cache-Control"] == "no-store"
    return read_password(answer.content.decode())


def get_url(email: str, action: str = "") -> str:
    return f"{PEOPLE}{Administrator.objects.get(email=email).public_id}{action}"


def test_page_of_a_new_password_says_where_it_opens_the_console(administrator: Client) -> None:
    person = {"email": "bo@example.org", "name": "", "role": "auditor"}
    page = administrator.post(f"{PEOPLE}new", person).content.decode()
    assert f"signs in at {settings.BASE_URL}/console/ and" in page


def test_who_is_added_signs_in_with_a_password_that_is_shown_once(administrator: Client) -> None:
    password = add(administrator, "Ada@Example.org")
    assert password not in administrator.get(get_url("ada@example.org")).content.decode()
    ada = Client()
    ada.post("/accounts/login/", {"login": "ada@example.org", "password": password})
    assert ada.get("/console/")["Location"] == "/accounts/password/change/"
    change = {"oldpassword": password, "password1": NEW, "password2": NEW}
    ada.post("/accounts/password/change/", change)
    assert ada.get("/console/").status_code == 200
    assert ada.get("/console/groups/new").status_code == 200
    assert ada.get(f"{PEOPLE}new").status_code == 403
    entry = AuditEntry.objects.get(action="administrator.create", subject="ada@example.org")
    assert (entry.actor, entry.detail) == ("administrator@example.org", {"role": "operator"})


def test_an_address_has_one_account(administrator: Client) -> None:
    values = {"email": "OPERATOR@example.org", "role": "auditor"}
    page = administrator.post(f"{PEOPLE}new", values).content.decode()
    assert "has an account already" in page
    assert Administrator.objects.get(email="operator@example.org").role == Role.OPERATOR


def test_a_role_that_is_lowered_counts_at_once(administrator: Client, operator: Client) -> None:
    url = get_url("operator@example.org", "/edit")
    administrator.post(url, {"name": "", "role": "auditor", "is_active": "on"})
    assert operator.get("/console/groups/")["Location"].startswith("/accounts/login/")
    auditor = sign_in("operator@example.org")
    assert auditor.get("/console/groups/").status_code == 200
    assert auditor.get("/console/groups/new").status_code == 403
    entry = AuditEntry.objects.get(action="administrator.update")
    assert entry.subject == "operator@example.org"
    assert entry.detail == {"role": "auditor", "signed_out": "everywhere"}


def test_who_may_not_sign_in_is_signed_out_at_once(administrator: Client, operator: Client) -> None:
    url = get_url("operator@example.org", "/edit")
    administrator.post(url, {"name": "", "role": "operator"})
    assert operator.get("/console/")["Location"].startswith("/accounts/login/")
    values = {"login": "operator@example.org", "password": PASSWORD}
    Client().post("/accounts/login/", values)
    tries = Client()
    tries.post("/accounts/login/", values)
    assert tries.get("/console/")["Location"].startswith("/accounts/login/")
    assert "may not sign in" in administrator.get(PEOPLE).content.decode()
    entry = AuditEntry.objects.get(action="administrator.update")
    assert entry.detail == {"may_sign_in": "no", "signed_out": "everywhere"}
    administrator.post(url, {"name": "", "role": "operator", "is_active": "on"})
    assert sign_in("operator@example.org").get("/console/").status_code == 200


def test_a_session_stays_over_when_the_person_may_sign_in_again(
    administrator: Client, operator: Client
) -> None:
    """Also in a browser that asked for nothing while the account was closed."""
    url = get_url("operator@example.org", "/edit")
    administrator.post(url, {"name": "", "role": "operator"})
    administrator.post(url, {"name": "", "role": "operator", "is_active": "on"})
    assert operator.get("/console/")["Location"].startswith("/accounts/login/")
    assert "signs in again" in administrator.get(url).content.decode()


def test_a_session_goes_on_when_only_the_name_changes(
    administrator: Client, operator: Client
) -> None:
    url = get_url("operator@example.org", "/edit")
    administrator.post(url, {"name": "Grace", "role": "operator", "is_active": "on"})
    assert operator.get("/console/").status_code == 200


def test_a_new_password_ends_the_old_one_and_its_sessions(
    administrator: Client, operator: Client
) -> None:
    url = get_url("operator@example.org", "/reset")
    answer = administrator.post(url, {"remove_second_factor": "on"})
    assert answer["Cache-Control"] == "no-store"
    password = read_password(answer.content.decode())
    assert operator.get("/console/")["Location"].startswith("/accounts/login/")
    person = Client()
    old = {"login": "operator@example.org", "password": PASSWORD}
    assert person.post("/accounts/login/", old).status_code == 200
    assert person.post("/accounts/login/", old | {"password": password}).status_code == 302
    entry = AuditEntry.objects.get(action="administrator.reset_password")
    assert entry.detail == {"second_factor_removed": True}
    assert password not in str(entry.__dict__)


def test_second_factors_are_told_and_forgotten_of_each_person_apart(
    administrator: Client, operator: Client, auditor: Client
) -> None:
    for email in ("operator@example.org", "auditor@example.org"):
        person = Administrator.objects.get(email=email)
        Authenticator.objects.create(user=person, type=Authenticator.Type.TOTP, data={})
    page = administrator.get(PEOPLE).text
    assert page.count("Authenticator app") == 2
    assert page.count("No second factor") == Administrator.objects.count() - 2
    administrator.post(get_url("operator@example.org", "/reset"), {"remove_second_factor": "on"})
    assert Authenticator.objects.get().user.email == "auditor@example.org"


def test_who_is_deleted_is_gone_and_stays_in_the_audit_log(
    administrator: Client, operator: Client
) -> None:
    operator.post("/console/groups/new", {"name": "Night shift", "description": ""})
    administrator.post(get_url("operator@example.org", "/delete"))
    assert operator.get("/console/")["Location"].startswith("/accounts/login/")
    assert not Administrator.objects.filter(email="operator@example.org").exists()
    log = administrator.get("/console/system/audit-log/?q=operator").content.decode()
    assert "group.create" in log
    assert "administrator.delete" in log


@pytest.mark.parametrize(
    ("action", "values"),
    [
        ("/edit", {"name": "", "role": "auditor", "is_active": "on"}),
        ("/edit", {"name": "", "role": "administrator"}),
        ("/delete", {}),
        ("/reset", {}),
    ],
)
def test_nobody_takes_their_own_account_away(
    administrator: Client, action: str, values: dict[str, str]
) -> None:
    url = get_url("administrator@example.org", action)
    page = administrator.post(url, values, follow=True).content.decode()
    assert "another administrator has to do this" in page
    for offered in ("/delete", "/reset"):
        assert offered not in administrator.get(get_url("administrator@example.org")).text
        assert offered in administrator.get(get_url("operator@example.org")).text
    assert administrator.get(f"{PEOPLE}new").status_code == 200
    row = Administrator.objects.get(email="administrator@example.org")
    assert (row.role, row.is_active, row.check_password(PASSWORD)) == ("administrator", True, True)


def test_ones_own_name_may_be_changed(administrator: Client) -> None:
    url = get_url("administrator@example.org", "/edit")
    administrator.post(url, {"name": "Grace", "role": "administrator", "is_active": "on"})
    assert "Grace" in administrator.get("/console/").content.decode()


@pytest.fixture
def a_while_later(administrator: Client) -> Client:
    session = administrator.session
    for record in session["account_authentication_methods"]:
        record["at"] -= 3600
    session.save()
    return administrator


@pytest.mark.parametrize("action", ["/edit", "/delete", "/reset"])
def test_a_change_asks_for_the_password_again_after_a_while(
    a_while_later: Client, action: str
) -> None:
    answer = a_while_later.post(get_url("operator@example.org", action))
    assert answer["Location"].startswith("/accounts/reauthenticate/")
    assert a_while_later.get(f"{PEOPLE}new").status_code == 302
    assert a_while_later.get(PEOPLE).status_code == 200


def test_the_list_is_searched_and_filtered(administrator: Client) -> None:
    add(administrator, role="auditor")
    assert "ada@example.org" in administrator.get(f"{PEOPLE}?q=ADA").content.decode()
    page = administrator.get(f"{PEOPLE}?role=auditor&q=example").content.decode()
    assert "ada@example.org" in page
    assert "operator@example.org" not in page
