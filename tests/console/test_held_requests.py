"""System › Certificates › Waiting for approval."""

import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from enrollment.models import EnrollmentSession
from organization.models import AuditEntry
from scep.models import HeldRequest, HeldRequestState
from scep.services.held_requests import end_vain_requests
from tests.console.conftest import World, hold_request

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_world")]

LIST = "/console/system/certificates/requests/"
CHOSEN = "/console/system/certificates/chosen-requests/"


def test_a_request_tells_who_asks_with_which_token_and_from_where(
    world: World, auditor: Client
) -> None:
    page = auditor.get(LIST).content.decode()
    for text in ("A device’s claim", "Spring intake", "192.0.2.7", "Corp"):
        assert text in page
    assert "Approve" not in page.replace("Approved", "")


def test_a_long_name_leaves_room_for_the_other_requests(
    world: World, administrator: Client
) -> None:
    """Whoever has the challenge chooses it."""
    row = hold_request(world.scep_profile, common_name="W" * 255)
    page = administrator.get(LIST).content.decode()
    assert f">{'W' * 79}…</strong>" in page
    url = f"{CHOSEN}approve"
    page = administrator.get(url, {"request": row.public_id}).content.decode()
    assert f">{'W' * 79}…</strong>" in page


@pytest.mark.parametrize(
    ("action", "state"),
    [("approve", HeldRequestState.APPROVED), ("reject", HeldRequestState.REJECTED)],
)
def test_a_request_is_decided_once_and_audited(
    action: str, state: HeldRequestState, world: World, administrator: Client
) -> None:
    url = f"{LIST}{world.held_request.public_id}"
    administrator.get(f"{url}/{action}")
    world.held_request.refresh_from_db()
    assert world.held_request.state == HeldRequestState.PENDING
    administrator.post(f"{url}/{action}")
    world.held_request.refresh_from_db()
    assert world.held_request.state == state
    assert world.held_request.decided_by == "administrator@example.org"
    assert AuditEntry.objects.filter(action=f"scep_request.{action}").count() == 1
    page = administrator.post(f"{url}/approve", follow=True).content.decode()
    assert "already" in page
    assert world.held_request.public_id not in page
    assert "A device’s claim" in administrator.get(LIST, {"state": state.value}).content.decode()


def test_a_request_is_not_approved_when_its_session_is_over(
    world: World, administrator: Client
) -> None:
    EnrollmentSession.objects.filter(pk=world.session.pk).update(expires_at=timezone.now())
    row = hold_request(
        world.scep_profile, common_name="Late phone", session_id=world.session.public_id
    )
    page = administrator.post(f"{LIST}{row.public_id}/approve", follow=True).content.decode()
    assert "Nothing would come of it" in page
    end_vain_requests(now=timezone.now())
    assert row.public_id not in administrator.get(LIST).content.decode()
    page = administrator.get(LIST, {"state": "expired"}).content.decode()
    assert "Late phone" in page
    assert "/approve" not in page


def test_the_navigation_counts_those_that_wait(
    world: World, auditor: Client, administrator: Client
) -> None:
    for number in range(4):
        hold_request(world.scep_profile, transaction_id=f"More {number}")
    assert "5 wait" in auditor.get("/console/").content.decode()
    administrator.post(f"{LIST}{world.held_request.public_id}/reject")
    assert "4 wait" in auditor.get("/console/").content.decode()


def test_the_badge_counts_no_further_than_ninety_nine(world: World, auditor: Client) -> None:
    for number in range(105):
        hold_request(world.scep_profile, transaction_id=f"Many {number}")
    assert "99+" in auditor.get(LIST).content.decode()


def test_an_operator_sees_requests_but_does_not_decide(world: World, operator: Client) -> None:
    page = operator.get(LIST).content.decode()
    assert "A device’s claim" in page
    assert "/approve" not in page


def test_a_claim_stays_text(world: World, administrator: Client) -> None:
    hold_request(world.scep_profile, common_name="<img src=x onerror=alert(1)>")
    page = administrator.get(LIST).content.decode()
    assert "&lt;img src=x" in page
    assert "<img src=x" not in page


def test_the_list_costs_the_same_queries_however_long(
    world: World, auditor: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(60):
        hold_request(world.scep_profile, token=world.token, transaction_id=f"Many {number}")
    with django_assert_max_num_queries(11):
        auditor.get(LIST)


def list_states() -> list[str]:
    return list(HeldRequest.objects.order_by("pk").values_list("state", flat=True))


@pytest.mark.parametrize("act", ["approve", "reject"])
def test_chosen_requests_are_decided_in_one_step_each_audited(
    act: str, world: World, administrator: Client
) -> None:
    rows = [world.held_request]
    rows += [hold_request(world.scep_profile, transaction_id=f"More {n}") for n in range(3)]
    listed = administrator.get(LIST).content.decode()
    assert f'name="request" value="{rows[1].public_id}" form="selection"' in listed
    query = "&".join(f"request={row.public_id}" for row in rows[:3])
    asked = administrator.get(f"{CHOSEN}{act}?{query}").content.decode()
    assert "3 requests are" in asked
    assert asked.count("A device’s claim") == 3
    assert set(list_states()) == {"pending"}
    keys = " ".join(row.public_id for row in rows[:3])
    page = administrator.post(f"{CHOSEN}{act}", {"requests": keys}, follow=True).content.decode()
    assert "3 requests are decided" in page
    decided = {"approve": "approved", "reject": "rejected"}[act]
    assert list_states() == [decided] * 3 + ["pending"]
    entries = AuditEntry.objects.filter(action=f"scep_request.{act}")
    assert {entry.subject_id for entry in entries} == {row.public_id for row in rows[:3]}
    assert {entry.actor for entry in entries} == {"administrator@example.org"}


def test_all_that_match_are_those_that_were_shown(world: World, administrator: Client) -> None:
    for number in range(2):
        hold_request(world.scep_profile, transaction_id=f"Flood {number}")
    asked = administrator.get(f"{CHOSEN}reject", {"all": "1", "q": "Flood"}).content.decode()
    assert "2 requests are rejected" in asked
    hold_request(world.scep_profile, transaction_id="Flood too late")
    (keys,) = re.findall(r'name="requests" value="([^"]+)"', asked)
    administrator.post(f"{CHOSEN}reject", {"requests": keys})
    assert list_states() == ["pending", "rejected", "rejected", "pending"]


def test_what_was_decided_meanwhile_holds_up_no_other(world: World, administrator: Client) -> None:
    other = hold_request(world.scep_profile, transaction_id="Other")
    administrator.post(f"{LIST}{world.held_request.public_id}/reject")
    keys = f"{world.held_request.public_id} {other.public_id} req_unknown"
    page = administrator.post(f"{CHOSEN}approve", {"requests": keys}, follow=True).content.decode()
    assert "1 request is decided" in page
    assert "1 could not be decided: The request is rejected already." in page
    assert list_states() == ["rejected", "approved"]
    page = administrator.get(f"{CHOSEN}approve?request=req_unknown", follow=True).content.decode()
    assert "Choose at least one request" in page
