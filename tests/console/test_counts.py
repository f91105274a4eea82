"""What pages count of many rows: no further than it pays."""

import pytest
from django.test import Client

from devices.models import Enrollment, EnrollmentState
from enrollment.models import EnrollmentSession
from policies.models import ItemStatus, Policy, PolicyItem
from tests.console.conftest import World, create_device

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_world")]


def add_status(enrollment: Enrollment, item: PolicyItem, *, state: str) -> ItemStatus:
    return ItemStatus.objects.create(
        enrollment=enrollment, item=item, kind="profile", name="Wi-Fi", identifier="a", state=state
    )


def test_a_policy_tells_how_many_have_each_item_when_some_are_gone(
    world: World, auditor: Client
) -> None:
    policy = Policy.objects.create(name="Radio")
    items = [
        PolicyItem.objects.create(policy=policy, kind="profile", name=name, version="1")
        for name in ("Wi-Fi", "Mail")
    ]
    url = f"/console/policies/{policy.public_id}"
    assert auditor.get(url).content.decode().count("0 of 0 installed") == 2
    enrollments = [
        create_device(f"Phone {number}", platform="ios", group=world.group)[1]
        for number in range(4)
    ]
    for enrollment, state in zip(
        enrollments, ("installed", "failed", "pending", "installed"), strict=True
    ):
        add_status(enrollment, items[0], state=state)
    Enrollment.objects.filter(pk=enrollments[3].pk).update(state=EnrollmentState.REMOVED)
    page = auditor.get(url).content.decode()
    assert "1 of 3 installed" in page
    assert "1 failed" in page
    assert "0 of 0 installed" in page


def test_a_token_counts_no_further_than_it_pays_when_many_came_by_it(
    world: World, auditor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    EnrollmentSession.objects.bulk_create(
        EnrollmentSession(
            token=world.token, expires_at=world.token.created_at, device_id=f"dev_{number // 2}"
        )
        for number in range(8)
    )
    url = f"/console/enrollment/ota/tokens/{world.token.jti}"
    attempts = world.token.sessions.count()
    page = auditor.get(url).content.decode()
    assert "<strong>4</strong>Devices" in page
    assert f"<strong>{attempts}</strong>Attempts" in page
    monkeypatch.setattr("enrollment.console.token_page.DEPTH", 3)
    monkeypatch.setattr("enrollment.console.token_page.PAGE_SIZE", 2)
    monkeypatch.setattr("organization.console.lists.DEPTH", 5)
    page = auditor.get(url).content.decode()
    assert "<strong>2+</strong>Devices" in page
    assert "<strong>5+</strong>Attempts" in page
    assert "of more than 5" in page
