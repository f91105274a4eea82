"""The list of what has failed: tried again one by one, or all that it shows."""

import pytest
from django.test import Client

from organization.models import AuditEntry
from policies.models import ItemState, ItemStatus
from policies.services.retry import retry_item
from tests.console.conftest import World
from tests.console.test_counts import add_status

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_world")]
LIST = "/console/failed-items/"


@pytest.fixture
def failures(world: World) -> list[ItemStatus]:
    return [
        add_status(world.enrollment, world.profile_item, state="failed", identifier="a"),
        add_status(world.enrollment, world.app_item, state="failed", identifier="b"),
        add_status(world.mac.enrollments.get(), world.app_item, state="failed", identifier="c"),
    ]


def count_failed() -> int:
    return ItemStatus.objects.filter(state=ItemState.FAILED).count()


def test_what_the_filters_show_is_tried_again_by_one_click(
    world: World, failures: list[ItemStatus], operator: Client, auditor: Client
) -> None:
    shown = f"{LIST}?item={world.app_item.public_id}"
    target = f"{LIST}retry?item={world.app_item.public_id}"
    assert f'action="{target}"' in operator.get(shown).text
    assert "failed-items/retry" not in auditor.get(shown).text
    assert auditor.post(target).status_code == 403
    assert operator.get(target).status_code == 302
    assert count_failed() == 3, "who only follows the link changes nothing"
    answer = operator.post(target, follow=True)
    assert answer.redirect_chain == [(shown, 302)]
    assert "2 items are tried again." in answer.text
    assert "What is left" not in answer.text
    assert count_failed() == 1
    assert AuditEntry.objects.filter(action="policy_item.retry").count() == 2


def test_a_click_takes_so_many_and_the_rest_stays_in_the_list(
    failures: list[ItemStatus], operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("policies.console.failures.AT_ONCE", 2)
    page = operator.post(f"{LIST}retry", follow=True).text
    assert "2 items are tried again. What is left is shown below." in page
    assert count_failed() == 1


def test_the_others_are_tried_again_when_a_device_was_deleted_meanwhile(
    world: World,
    failures: list[ItemStatus],
    operator: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def retry(row: ItemStatus, *, actor: str) -> bool:
        world.mac.enrollments.all().delete()
        return retry_item(row, actor=actor)

    monkeypatch.setattr("policies.console.failures.retry_item", retry)
    page = operator.post(f"{LIST}retry", follow=True).text
    assert "2 items are tried again." in page
    assert count_failed() == 0


def test_the_list_is_there_again_when_one_item_of_it_was_tried_again(
    world: World, failures: list[ItemStatus], operator: Client
) -> None:
    page = operator.get(f"{LIST}?q=Wi-Fi&ordering=name").text
    assert '<input type="hidden" name="list" value="q=Wi-Fi&amp;ordering=name">' in page
    device = f"/console/devices/{world.device.public_id}"
    posted = {"kind": failures[0].kind, "identifier": "a"}
    answer = operator.post(f"{device}/retry", posted | {"list": "q=Wi-Fi&ordering=name"})
    assert answer["Location"] == f"{LIST}?q=Wi-Fi&ordering=name"
    assert operator.post(f"{device}/retry", posted)["Location"] == device
