"""System › Certificates › Waiting for approval."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from enrollment.models import EnrollmentSession
from organization.models import AuditEntry
from scep.models import HeldRequestState
from scep.services.held_requests import end_vain_requests
from tests.console.conftest import World, hold_request

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_world")]

LIST = "/console/system/certificates/requests/"


def test_a_request_tells_who_asks_with_which_token_and_from_where(
    world: World, auditor: Client
) -> None:
    page = auditor.get(LIST).content.decode()
    for text in ("A device’s claim", "Spring intake", "192.0.2.7", "Corp"):
        assert text in page
    assert "Approve" not in page.replace("Approved", "")


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
