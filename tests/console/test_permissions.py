"""Every console address, as each role and as nobody (generated from the routes themselves)."""

from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse

from devices.models import BulkCommand
from organization.models import Administrator, ApiKey, AuditEntry
from tests.console.conftest import World
from tests.console.test_tokens import age_sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_world")]

ALL = {"administrator", "operator", "auditor"}
WRITERS = {"administrator", "operator"}
ADMINISTRATORS = {"administrator"}

# Who may look at a page; what is not named here, everybody who signs in may.
READERS = {
    "token": WRITERS,
    "invitations-export": WRITERS,
    "invitations-mail-failed": WRITERS,
    "invitation-link": WRITERS,
    "invitation-mail": WRITERS,
    "token-qr-png": WRITERS,
    "token-qr-svg": WRITERS,
    "token-leaked": WRITERS,
    "enrollments-stop": ADMINISTRATORS,
    "enrollments-resume": ADMINISTRATORS,
    "token-poster": WRITERS,
    "token-mail": WRITERS,
    "token-kiosk": WRITERS,
    "token-kiosk-end": WRITERS,
    "device-restart": WRITERS,
    "device-lock": WRITERS,
    "device-edit": WRITERS,
    "device-erase": ADMINISTRATORS,
    "device-unenroll": ADMINISTRATORS,
    "device-delete": ADMINISTRATORS,
    "device-send": WRITERS,
    "device-command": WRITERS,
    "devices-send": WRITERS,
    "devices-command": WRITERS,
    "devices-group": WRITERS,
    "devices-unenroll": ADMINISTRATORS,
    "group-send": WRITERS,
    "group-command": WRITERS,
    "device-raw-command": ADMINISTRATORS,
    "device-secret": ADMINISTRATORS,
    "command-pin": ADMINISTRATORS,
    "doctor": ADMINISTRATORS,
    "scep-profile-test": WRITERS,
    "scep-profile-new": ADMINISTRATORS,
    "scep-profile-edit": ADMINISTRATORS,
    "scep-profile-delete": ADMINISTRATORS,
    "authority-prepare": ADMINISTRATORS,
    "authority-import": ADMINISTRATORS,
    "authority-activate": ADMINISTRATORS,
    "authority-cancel": ADMINISTRATORS,
    "authority-export": ADMINISTRATORS,
    "authority-rotate": ADMINISTRATORS,
    "authority-revoke": ADMINISTRATORS,
    "service-rotate": ADMINISTRATORS,
    "push-certificate-csr": ADMINISTRATORS,
    "push-certificate-request": ADMINISTRATORS,
    "push-certificate-import": ADMINISTRATORS,
    "push-certificate-edit": ADMINISTRATORS,
    "service-revoke": ADMINISTRATORS,
    "held-requests-approve": ADMINISTRATORS,
    "held-requests-reject": ADMINISTRATORS,
    "administrator-new": ADMINISTRATORS,
    "administrator-edit": ADMINISTRATORS,
    "administrator-delete": ADMINISTRATORS,
    "administrator-reset": ADMINISTRATORS,
    "administrator-disconnect": ADMINISTRATORS,
    "api-keys": ADMINISTRATORS,
    "api-key-new": ADMINISTRATORS,
    "api-key-revoke": ADMINISTRATORS,
    "webhook-new": ADMINISTRATORS,
    "webhook-edit": ADMINISTRATORS,
    "webhook-delete": ADMINISTRATORS,
    "webhook-secret": ADMINISTRATORS,
}
FORMS = ("-new", "-edit", "-delete", "-revoke", "-remove", "-replace", "-add-profile", "-add-app",
    "-configure", "-install")  # fmt: skip
# Who may change something there; what is not named here, operators may.
ADMINISTRATORS_ONLY = (
    "doctor",
    "enrollments-stop", "enrollments-resume",
    "devices-unenroll",
    "device-erase", "device-unenroll", "device-delete",
    "command-pin", "device-raw-command", "device-secret",
    "scep-profile-new", "scep-profile-edit", "scep-profile-delete",
    "authority-prepare", "authority-import", "authority-activate", "authority-cancel",
    "authority-export", "authority-rotate", "authority-revoke", "service-rotate", "service-revoke",
    "held-request-approve", "held-request-reject",
    "held-requests-approve", "held-requests-reject",
    "waiting-session-approve", "waiting-session-reject",
    "push-certificate-csr", "push-certificate-request", "push-certificate-import",
    "push-certificate-edit", "settings",
    "administrator-new", "administrator-edit", "administrator-delete", "administrator-reset",
    "administrator-disconnect",
    "api-keys", "api-key-new", "api-key-revoke",
    "webhook-new", "webhook-edit", "webhook-delete", "webhook-secret", "webhook-test",
    "webhook-pause", "webhook-resume", "webhook-delivery",
)  # fmt: skip
# What shows or makes a secret, or cannot be undone: who sits at a forgotten screen proves first
# who they are.
SENSITIVE = {
    "administrator-delete", "administrator-disconnect", "administrator-edit",
    "administrator-new", "administrator-reset", "api-key-new", "authority-activate",
    "authority-export", "authority-import", "authority-revoke", "authority-rotate", "command-pin",
    "device-delete", "device-erase", "device-lock", "device-raw-command", "device-secret",
    "device-unenroll", "devices-unenroll", "invitation-link", "invitations-export",
    "push-certificate-import", "token", "token-kiosk", "token-leaked", "token-mail",
    "token-poster", "token-qr-png", "token-qr-svg", "webhook-delete", "webhook-edit",
    "webhook-new", "webhook-secret",
}  # fmt: skip


def list_console_routes() -> list[URLPattern]:
    namespaces = get_resolver().namespace_dict
    found = namespaces["console"][1].url_patterns
    return [route for route in found if isinstance(route, URLPattern)]


ROUTES = {str(route.name): str(route.pattern) for route in list_console_routes()}


def get_bulk() -> BulkCommand:
    given = {"parameters": b"", "actor": "tests"}
    return BulkCommand.objects.get_or_create(name="ProfileList", defaults=given)[0]


def get_person() -> Administrator:
    return Administrator.objects.get_or_create(email="colleague@example.org")[0]


def get_key() -> ApiKey:
    return ApiKey.objects.get_or_create(key_sha256="0" * 64, defaults={"name": "Inventory"})[0]


def fill_in(name: str, world: World) -> str:
    """Return the address of a route for rows that exist."""
    route = ROUTES[name]
    keys = {
        "devices/apps/": world.software_title.public_id,
        "devices/": world.device.public_id,
        "bulk-commands/": get_bulk().public_id,
        "groups/": world.group.public_id,
        "policies/": world.policy.public_id,
        "packages/": world.package.public_id,
        "enrollment/scep/": world.scep_profile.public_id,
        "enrollment/log/": world.entry.public_id,
        "enrollment/sessions/": world.session.public_id,
        "enrollment/ota/waiting/": world.session.public_id,
        "system/administrators/": get_person().public_id,
        "system/api-keys/": get_key().public_id,
        "system/webhooks/": world.webhook.public_id,
        "system/certificates/issued/": world.certificate.public_id,
        "system/certificates/authorities/services/": world.retired_ra.public_id,
        "system/certificates/authorities/": world.next_ca.public_id,
        "system/certificates/requests/": world.held_request.public_id,
    }
    key = next((value for prefix, value in keys.items() if route.startswith(prefix)), "")
    values = {
        "key": key,
        "jti": world.token.jti,
        "item": (
            world.app_item if name == "policy-item-configure" else world.profile_item
        ).public_id,
        "command": world.command.public_id,
        "purpose": "scep_ra",
        "facts": "security",
        "name": "ProfileList",
        "secret": world.secret.public_id,
        "invitation": world.invitation.public_id,
        "kiosk": world.kiosk.public_id,
        "delivery": world.delivery.public_id,
    }
    chosen = f"?device={world.device.public_id}" if route.startswith("selected-devices/") else ""
    if name in ("held-requests-approve", "held-requests-reject"):
        chosen = f"?request={world.held_request.public_id}"
    given = {part: value for part, value in values.items() if f":{part}>" in route}
    return reverse(f"console:{name}", kwargs=given) + chosen


def get_readers(name: str) -> set[str]:
    return READERS.get(name, WRITERS if name.endswith(FORMS) else ALL)


def get_writers(name: str) -> set[str]:
    return ADMINISTRATORS if name in ADMINISTRATORS_ONLY else WRITERS


@pytest.fixture
def clients(administrator: Client, operator: Client, auditor: Client) -> dict[str, Client]:
    return {"administrator": administrator, "operator": operator, "auditor": auditor}


@pytest.mark.parametrize("name", ROUTES)
def test_only_the_roles_that_may_read_a_page_see_it(
    name: str, world: World, clients: dict[str, Client]
) -> None:
    url = fill_in(name, world)
    for role, client in clients.items():
        status = client.get(url).status_code
        if role in get_readers(name):
            assert status in (200, 302), (role, url)
        else:
            assert status == 403, (role, url)


@pytest.mark.parametrize("name", ROUTES)
def test_nobody_is_sent_to_sign_in(name: str, world: World) -> None:
    for method in ("get", "post"):
        answer = getattr(Client(), method)(fill_in(name, world))
        assert answer.status_code == 302
        assert answer["Location"].startswith("/accounts/login/?next=/console/")


@pytest.mark.parametrize("name", ROUTES)
def test_a_role_that_may_not_write_changes_nothing(
    name: str, world: World, clients: dict[str, Client]
) -> None:
    before = AuditEntry.objects.count()
    for role, client in clients.items():
        if role not in get_writers(name):
            assert client.post(fill_in(name, world)).status_code == 403, role
    assert AuditEntry.objects.count() == before


@pytest.mark.parametrize("name", ROUTES)
def test_a_recent_sign_in_is_asked_for_where_something_is_sensitive(
    name: str, world: World, administrator: Client
) -> None:
    age_sign_in(administrator)
    for method in (administrator.get, administrator.post):
        location = method(fill_in(name, world)).get("Location", "")
        is_asked_for = location.startswith("/accounts/reauthenticate/")
        assert is_asked_for == (name in SENSITIVE), method.__name__


@pytest.mark.parametrize("name", ROUTES)
def test_nothing_changes_when_another_site_sends_the_form(
    name: str, world: World, administrator: Client
) -> None:
    administrator.handler.enforce_csrf_checks = True
    before = AuditEntry.objects.count()
    assert administrator.post(fill_in(name, world)).status_code == 403
    assert AuditEntry.objects.count() == before


@pytest.mark.parametrize(
    "path", ["logout/", "password/change/", "reauthenticate/", "2fa/totp/activate/"]
)
def test_an_account_stays_as_it_is_when_another_site_sends_the_form(
    path: str, administrator: Client
) -> None:
    administrator.handler.enforce_csrf_checks = True
    assert administrator.post(f"/accounts/{path}").status_code == 403
    assert administrator.get("/console/").status_code == 200


def test_a_partial_sends_the_whole_page_to_sign_in_when_the_session_has_ended(world: World) -> None:
    answer = Client().get(fill_in("device", world), headers={"HX-Request": "true"})
    assert answer["HX-Redirect"].startswith("/accounts/login/")


def test_a_person_without_a_known_role_sees_nothing(
    world: World, operator: Client, people: dict[str, Any]
) -> None:
    Administrator.objects.filter(email=people["operator"]).update(role="intern")
    assert operator.get("/console/").status_code == 403
