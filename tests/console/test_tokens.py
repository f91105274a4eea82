"""Tokens in the console: safe defaults, reveal on demand, QR downloads, revoking."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.html import escape

from devices.models import BulkCommand, Enrollment, Group
from devices.services.groups import create_group
from enrollment.models import EnrollmentSession, EnrollmentToken
from enrollment.protocol.access_rights import RIGHTS_LEVELS, list_refused_rights
from enrollment.services.sessions import open_session
from enrollment.services.short_links import build_short_url
from enrollment.services.token_texts import build_enrollment_url
from enrollment.services.tokens import create_token, revoke_token
from organization.models import AuditEntry
from tests.console.conftest import World

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_world")]

TOKENS = "/console/enrollment/ota/tokens/"


def fill_in_form(world: World, **changes: Any) -> dict[str, Any]:
    return {
        "name": "Autumn intake",
        "expiration": "7d",
        "group": world.group.public_id,
        "max_uses": "100",
    } | changes


def test_the_form_offers_seven_days_and_a_hundred_uses(world: World, operator: Client) -> None:
    form = operator.get(f"{TOKENS}new").context["form"]
    assert form["expiration"].value() == "7d"
    assert form["max_uses"].value() == 100


def test_the_form_has_the_fields_that_the_manual_names(operator: Client) -> None:
    form = operator.get(f"{TOKENS}new").context["form"]
    labels = [str(field.label) for field in form]
    for label in ("Name", "Expiration", "Group Assignment", "SCEP Profile", "Max Uses"):
        assert label in labels


def test_the_form_proposes_the_first_group_and_says_that_full_rights_erase(
    world: World, operator: Client
) -> None:
    oldest = Group.objects.order_by("id")[0]
    Group.objects.filter(pk=oldest.pk).update(name="Zoo")
    Group.objects.create(name="Aquarium")
    page = operator.get(f"{TOKENS}new").content.decode()
    assert f'<option value="{oldest.public_id}" selected>' in page
    assert "Full: Everything, erasing the device included" in page


def test_another_token_has_the_settings_of_the_one_that_has_ended(
    world: World, operator: Client
) -> None:
    data = fill_in_form(
        world, expiration="30d", max_uses="7", rights="byod", hold_for_approval="on",
        scep_profile=world.scep_profile.public_id, allowed_serials="C02AAAA1\nC02AAAA2",
    )  # fmt: skip
    operator.post(f"{TOKENS}new", data)
    token = EnrollmentToken.objects.get(name="Autumn intake")
    revoke_token(token, actor="tests")
    link = f"{TOKENS}new?like={token.jti}"
    assert f'href="{link}"' in operator.get(f"{TOKENS}{token.jti}").content.decode()
    form = operator.get(link).context["form"]
    begins = {bound.html_name: str(bound.value()) for bound in form}
    assert {name: begins[name] for name in data} == data | {"hold_for_approval": "True"}
    for unknown in ("x", "a\0b", ""):
        form = operator.get(f"{TOKENS}new", {"like": unknown}).context["form"]
        assert (form["name"].value() or "", form["max_uses"].value()) == ("", 100)


def test_never_and_unlimited_carry_a_warning(world: World, operator: Client) -> None:
    data = fill_in_form(world, expiration="never", max_uses="0", name="")
    page = operator.post(f"{TOKENS}new", data).content.decode()
    assert 'data-warns="expiration=never">' in page
    assert 'data-warns="max_uses=0">' in page
    fresh = operator.get(f"{TOKENS}new").content.decode()
    assert 'data-warns="expiration=never" hidden' in fresh
    assert 'data-warns="max_uses=0" hidden' in fresh


@pytest.mark.parametrize(
    ("choice", "lifetime"), [("24h", 1), ("7d", 7), ("30d", 30), ("never", None)]
)
def test_a_token_lives_as_long_as_chosen(
    choice: str, lifetime: int | None, world: World, operator: Client
) -> None:
    operator.post(f"{TOKENS}new", fill_in_form(world, expiration=choice))
    token = EnrollmentToken.objects.get(name="Autumn intake")
    if lifetime is None:
        assert token.expires_at is None
    else:
        assert token.expires_at is not None
        left = token.expires_at - timezone.now()
        assert timedelta(days=lifetime) - timedelta(minutes=1) < left <= timedelta(days=lifetime)
    assert token.created_by == "operator@example.org"


def test_a_custom_expiry_in_the_past_is_refused(world: World, operator: Client) -> None:
    data = fill_in_form(world, expiration="custom", custom_expires_at="2020-01-01T00:00")
    page = operator.post(f"{TOKENS}new", data).content.decode()
    assert "Choose a moment in the future." in page
    assert not EnrollmentToken.objects.filter(name="Autumn intake").exists()


@pytest.mark.parametrize(("chosen", "level"), [({}, "full"), ({"rights": "byod"}, "byod")])
def test_a_token_has_the_rights_that_were_chosen(
    chosen: dict[str, str], level: str, world: World, operator: Client
) -> None:
    form = operator.get(f"{TOKENS}new")
    assert form.context["form"]["rights"].value() == "full"
    assert "Lock the device and remove its passcode" in form.content.decode()
    operator.post(f"{TOKENS}new", fill_in_form(world, **chosen))
    assert EnrollmentToken.objects.get(name="Autumn intake").rights == level


@pytest.mark.parametrize("chosen", [True, False])
def test_a_token_identifies_devices_first_when_it_was_ticked(
    chosen: bool, world: World, operator: Client
) -> None:
    operator.post(
        f"{TOKENS}new", fill_in_form(world, **({"profile_service": "on"} if chosen else {}))
    )
    token = EnrollmentToken.objects.get(name="Autumn intake")
    page = operator.get(f"{TOKENS}{token.jti}/qr").content.decode()
    assert token.profile_service is chosen
    assert ("devices are identified first" in page) is chosen


def test_a_token_has_the_list_that_was_pasted(world: World, operator: Client) -> None:
    refused = operator.post(f"{TOKENS}new", fill_in_form(world, allowed_serials="C02 <b>"))
    assert "“&lt;B&gt;” is no serial number" in refused.content.decode()
    operator.post(f"{TOKENS}new", fill_in_form(world, allowed_serials="c02xyz\r\nDMPX"))
    token = EnrollmentToken.objects.get(name="Autumn intake")
    page = operator.get(f"{TOKENS}{token.jti}/qr").content.decode()
    assert "Only 2 devices may enroll" in page
    assert "C02XYZ&#10;DMPX" in page


def test_the_device_page_has_no_button_for_what_its_profile_did_not_ask(
    world: World, administrator: Client
) -> None:
    url = f"/console/devices/{world.device.public_id}"
    assert f"{url}/erase" in administrator.get(url).content.decode()
    world.enrollment.access_rights = RIGHTS_LEVELS["standard"].rights
    world.enrollment.save()
    page = administrator.get(url).content.decode()
    assert f"{url}/erase" not in page
    assert f"{url}/lock" in page


def test_the_device_page_names_what_a_light_profile_did_not_ask_in_the_persons_words(
    world: World, administrator: Client
) -> None:
    byod = RIGHTS_LEVELS["byod"].rights
    Enrollment.objects.filter(pk=world.enrollment.pk).update(access_rights=byod)
    page = administrator.get(f"/console/devices/{world.device.public_id}").content.decode()
    texts = [escape(right.text) for right in list_refused_rights(byod)]
    assert f"The organization can’t: {' · '.join(texts)}</span>" in page
    assert "EraseDevice:" not in page


def test_new_enrollments_are_stopped_and_allowed_again_on_the_page(
    world: World, administrator: Client, operator: Client
) -> None:
    administrator.get("/console/enrollment/ota/stop")
    assert "Stop new enrollments…" in administrator.get(TOKENS).content.decode()
    assert "Stop new enrollments…" not in operator.get(TOKENS).content.decode()
    page = administrator.post("/console/enrollment/ota/stop", follow=True).content.decode()
    assert "administrator@example.org stopped them now" in page
    assert page.count("New enrollments are stopped.") == 1
    assert "New enrollments are stopped." in operator.get("/console/").content.decode()
    page = administrator.post("/console/enrollment/ota/resume", follow=True).content.decode()
    assert "Stop new enrollments…" in page
    assert "New enrollments are stopped." not in page


def test_the_list_shows_no_token_text(world: World, operator: Client) -> None:
    assert b"eyJhbGci" not in operator.get(TOKENS).content


def test_the_url_is_shown_on_demand_and_kept_nowhere(world: World, operator: Client) -> None:
    answer = operator.get(f"{TOKENS}{world.token.jti}/qr")
    assert build_enrollment_url(world.token) in answer.content.decode()
    assert build_short_url(world.token) in answer.content.decode()
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("kind", "mime_type", "start"),
    [("png", "image/png", b"\x89PNG"), ("svg", "image/svg+xml", b"<svg")],
)
def test_a_qr_code_downloads(
    kind: str, mime_type: str, start: bytes, world: World, operator: Client
) -> None:
    answer = operator.get(f"{TOKENS}{world.token.jti}/qr.{kind}")
    assert answer["Content-Type"] == mime_type
    assert answer["Content-Disposition"] == f'attachment; filename="spring-intake-qr.{kind}"'
    assert answer["Cache-Control"] == "no-store"
    assert answer.content.startswith(start)


def age_sign_in(client: Client) -> None:
    """Let the last proof of identity be an hour old."""
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] = time.time() - 3600
    session.save()


def test_a_forgotten_screen_reveals_nothing(world: World, operator: Client) -> None:
    age_sign_in(operator)
    url = f"{TOKENS}{world.token.jti}/qr"
    answer = operator.get(url)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/reauthenticate/")
    partial = operator.get(url, headers={"HX-Request": "true"})
    assert partial["HX-Redirect"].startswith("/accounts/reauthenticate/")


def test_a_revoked_token_says_so_and_names_who_did_it(world: World, operator: Client) -> None:
    operator.post(f"{TOKENS}{world.token.jti}/revoke")
    world.token.refresh_from_db()
    assert world.token.revoked_by == "operator@example.org"
    assert b"Revoked" in operator.get(f"{TOKENS}?state=revoked").content
    assert AuditEntry.objects.filter(action="token.revoke", subject_id=world.token.jti).exists()


def test_opening_the_revoke_dialog_revokes_nothing(world: World, operator: Client) -> None:
    operator.get(f"{TOKENS}{world.token.jti}/revoke")
    world.token.refresh_from_db()
    assert world.token.revoked_at is None


@pytest.fixture
def brought(world: World) -> EnrollmentSession:
    """The world's device came by the world's token."""
    session = open_session(
        world.token,
        platform="ios",
        user_agent="Safari 18 on a stranger's phone",
        remote_address="203.0.113.77",
        now=timezone.now(),
    )
    EnrollmentSession.objects.filter(pk=session.pk).update(
        state="enrolled", device_id=world.device.public_id
    )
    Enrollment.objects.filter(pk=world.enrollment.pk).update(session_id=session.public_id)
    return session


def test_the_tokens_page_shows_who_came_by_it(
    world: World, brought: EnrollmentSession, auditor: Client
) -> None:
    open_session(
        world.token, platform="", user_agent="curl", remote_address="::1", now=timezone.now()
    )
    page = auditor.get(f"{TOKENS}{world.token.jti}").content.decode()
    for text in ("203.0.113.77", "a stranger&#x27;s phone", "Corey’s iPhone", "curl", "Full"):
        assert text in page
    assert page.count(f"<small>{brought.public_id}") == 1
    assert "eyJhbGci" not in page
    assert "Token expired" in page  # what the log says of it
    assert "This link leaked…" not in page


def test_a_leaked_link_is_answered_in_one_step(
    world: World, brought: EnrollmentSession, operator: Client
) -> None:
    url = f"{TOKENS}{world.token.jti}/leaked"
    page = operator.get(url).content.decode()
    assert "203.0.113.77" in page
    assert 'value="unenroll"' not in page
    data = {"action": "quarantine", "scope": "chosen", "device": world.device.public_id}
    page = operator.post(url, data | {"confirmation": "Spring"}).content.decode()
    assert "This is not the token&#x27;s name." in page
    world.token.refresh_from_db()
    assert world.token.revoked_at is None
    answer = operator.post(url, data | {"confirmation": "Spring intake"}, follow=True)
    assert "1 device is worked on" in answer.content.decode()
    assert "Revoked" in answer.content.decode()
    bulk = BulkCommand.objects.latest("id")
    assert (bulk.name, bulk.total, bulk.actor) == ("Assign group", 1, "operator@example.org")
    assert AuditEntry.objects.get(action="token.leak").actor == "operator@example.org"


def test_an_operator_unenrolls_nobody_by_a_form_of_their_own(
    world: World, brought: EnrollmentSession, operator: Client, administrator: Client
) -> None:
    url = f"{TOKENS}{world.token.jti}/leaked"
    data = {"action": "unenroll", "scope": "all", "confirmation": "Spring intake"}
    operator.post(url, data)
    world.token.refresh_from_db()
    assert world.token.revoked_at is None
    administrator.post(url, data)
    assert BulkCommand.objects.latest("id").name == "Unenroll"


def test_a_forgotten_screen_answers_no_leak(world: World, operator: Client) -> None:
    age_sign_in(operator)
    answer = operator.post(f"{TOKENS}{world.token.jti}/leaked", {})
    assert answer["Location"].startswith("/accounts/reauthenticate/")


def test_the_list_says_what_will_soon_end(world: World, operator: Client) -> None:
    assert "Token nearly used up" not in operator.get(TOKENS).content.decode()
    EnrollmentToken.objects.filter(pk=world.token.pk).update(use_count=9)
    for url in (TOKENS, f"{TOKENS}{world.token.jti}"):
        assert "Token nearly used up" in operator.get(url).content.decode()
    assert "1 use is left" in operator.get("/console/").content.decode()


def test_a_dead_token_shows_the_group_that_was_deleted(world: World, operator: Client) -> None:
    token = create_token(
        name="Open day",
        group=create_group("Visitors", actor="a"),
        expires_at=timezone.now() + timedelta(hours=1),
        max_uses=1,
        actor="a",
    )
    revoke_token(token, actor="a")
    assert token.group is not None
    operator.post(f"/console/groups/{token.group.public_id}/delete")
    for page in ("", f"/{token.jti}"):
        text = operator.get(f"/console/enrollment/ota/tokens{page or '/'}").content.decode()
        assert "Visitors" in text
        assert "deleted" in text


def test_files_of_both_links_have_names_of_their_own(world: World, operator: Client) -> None:
    address = f"{TOKENS}{world.token.jti}/qr.png"
    names = [
        operator.get(address, query)["Content-Disposition"].rpartition("filename=")[2]
        for query in ({}, {"link": "short"})
    ]
    assert names[0].endswith('-qr.png"')
    assert names[1] == names[0].replace("-qr", "-short-qr")
