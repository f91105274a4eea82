"""What has become of a command for many devices."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from devices.models import BulkCommand, Command, CommandState, Device
from devices.services.bulk_commands import (
    assign_group_to_many,
    queue_portion,
    request_bulk,
    unenroll_many,
)
from organization import selectors
from tests.console.conftest import World

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_world")]
REASON = "No <b>network</b>."


@pytest.fixture
def gone(bootstrapped: None) -> Device:
    return Device.objects.create(udid="gone", name="Left <i>behind</i>", platform="ios")


@pytest.fixture
def bulk(world: World, gone: Device) -> BulkCommand:
    """Two devices have it, of which one has failed; the third is not enrolled."""
    keys = [world.device.pk, world.mac.pk, gone.pk]
    bulk = request_bulk(keys, name="RestartDevice", parameters={}, actor="ada@example.org")
    while queue_portion(bulk.pk, now=timezone.now()):
        pass
    command = Command.objects.get(bulk=bulk, device=world.mac)
    command.state, command.completed_at = CommandState.ERROR, timezone.now()
    command.error_chain = [{"USEnglishDescription": REASON}]
    command.save()
    return bulk


def read(client: Client, path: str, **headers: Any) -> str:
    answer = client.get(path, **headers)
    assert answer.status_code == 200
    return answer.content.decode()


def address(bulk: BulkCommand) -> str:
    return f"/console/bulk-commands/{bulk.public_id}"


def test_the_page_counts_states_and_leads_to_devices_and_answers(
    world: World, auditor: Client, bulk: BulkCommand
) -> None:
    page = read(auditor, address(bulk))
    assert "All 3 devices have had their turn." in page
    assert "0 of 3 have obeyed, 1 failed" in page
    for state in ("queued", "error"):
        assert f'href="{address(bulk)}?state={state}"' in page
    failed = Command.objects.get(bulk=bulk, device=world.mac)
    assert f"/console/devices/{world.mac.public_id}/commands/{failed.public_id}" in page
    assert "No &lt;b&gt;network&lt;/b&gt;." in page
    answer = read(auditor, f"/console/devices/{world.mac.public_id}/commands/{failed.public_id}")
    assert f'href="{address(bulk)}"' in answer


def test_failures_alone_are_shown_when_their_tab_is_chosen(
    world: World, auditor: Client, bulk: BulkCommand
) -> None:
    page = read(auditor, f"{address(bulk)}?state=error")
    assert str(world.mac).replace("’", "’") in page
    assert world.device.public_id not in page


def test_many_commands_are_counted_every_ten_seconds(
    auditor: Client, bulk: BulkCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page of 100,000 asks every three seconds, and all of them are read to count them."""
    monkeypatch.setattr(selectors.Counts, "MANY", 1)
    assert "1 failed" in read(auditor, address(bulk))
    Command.objects.filter(bulk=bulk).update(state="error")
    assert "1 failed" in read(auditor, address(bulk))
    monkeypatch.setattr(selectors.Counts, "SECONDS", -1)
    assert "2 failed" in read(auditor, address(bulk))


def test_what_the_page_has_counted_by_state_is_not_counted_again(
    auditor: Client, bulk: BulkCommand
) -> None:
    for query, shown in {"": "1–2 of 2", "?state=error": "1–1 of 1", "?state=sent": ""}.items():
        with CaptureQueriesContext(connection) as captured:
            page = read(auditor, f"{address(bulk)}{query}")
        assert not [each for each in captured if "LIMIT 10001" in each["sql"]]
        assert shown in page
    assert "1–1 of 1" in read(auditor, f"{address(bulk)}?state=error&q=Ray")
    assert "1–2 of 2" in read(auditor, f"{address(bulk)}?state=unheard-of")


def test_it_is_sent_again_to_those_alone_that_have_failed(
    world: World, operator: Client, auditor: Client, bulk: BulkCommand
) -> None:
    target = f"/console/selected-devices/commands/RestartDevice?failed={bulk.public_id}"
    page = read(operator, address(bulk))
    assert "Send again to 1 that failed…" in page
    assert f'href="{target}"' in page
    assert target not in read(auditor, address(bulk))
    form = read(operator, target)
    assert "For 1 device." in form
    assert f'href="{address(bulk)}">Cancel' in form
    assert read(operator, f"{target}&failed=a/b").count(address(bulk)) == form.count(address(bulk))
    operator.post(target, {})
    again = BulkCommand.objects.exclude(pk=bulk.pk).get()
    assert again.waiting == [world.mac.pk]
    Command.objects.filter(bulk=bulk).update(state="acknowledged")
    assert "Send again" not in read(operator, address(bulk))
    assert "Choose at least one device." in operator.get(target, follow=True).text
    for nobody in ("blk_aaaaaaaaaaaaaaaaaaaa", "%00", ""):
        missing = f"/console/selected-devices/commands?failed={nobody}"
        assert operator.get(missing).status_code == 404


def test_who_was_left_out_is_named_with_the_reason(
    auditor: Client, bulk: BulkCommand, gone: Device
) -> None:
    page = read(auditor, address(bulk))
    assert "1 left out" in page
    assert "Not enrolled" in page
    assert f'<a href="/console/devices/{gone.public_id}">Left &lt;i&gt;behind&lt;/i&gt;</a>' in page


def test_the_page_asks_again_only_while_something_is_open(
    world: World, auditor: Client, bulk: BulkCommand
) -> None:
    results = {"HTTP_HX_REQUEST": "true", "HTTP_HX_TARGET": "results"}
    assert "data-poll" in read(auditor, address(bulk))
    part = read(auditor, address(bulk), **results)
    assert 'id="progress" hx-swap-oob="true"' in part
    assert "<html" not in part
    Command.objects.filter(bulk=bulk).update(
        state=CommandState.ACKNOWLEDGED, completed_at=timezone.now()
    )
    assert "data-poll" not in read(auditor, address(bulk), **results)


def test_a_device_that_was_asked_already_is_said_to_have_been(
    world: World, auditor: Client, bulk: BulkCommand
) -> None:
    again = request_bulk([world.device.pk], name="RestartDevice", parameters={}, actor="ada")
    queue_portion(again.pk, now=timezone.now())
    page = read(auditor, address(again))
    assert "1 had the same command waiting already." in page


def test_a_device_that_was_deleted_is_not_said_to_have_been_asked_already(
    world: World, auditor: Client, bulk: BulkCommand
) -> None:
    Command.objects.filter(bulk=bulk, device=world.mac).delete()
    assert "waiting already" not in read(auditor, address(bulk))


def test_a_command_leads_to_what_asked_many_for_it_as_long_as_that_is_known(
    world: World, auditor: Client, bulk: BulkCommand
) -> None:
    command = Command.objects.get(bulk=bulk, device=world.mac)
    path = f"/console/devices/{world.mac.public_id}/commands/{command.public_id}"
    assert f'href="{address(bulk)}"' in read(auditor, path)
    bulk.delete()
    page = read(auditor, path)
    assert "for many devices" in page
    assert address(bulk) not in page


def test_the_list_leads_to_all_of_them_and_devices_to_the_list(
    world: World, auditor: Client, bulk: BulkCommand
) -> None:
    moved = assign_group_to_many([world.mac.pk], group=world.group, actor="ada")
    page = read(auditor, "/console/bulk-commands/")
    for row in (bulk, moved):
        assert f'href="{address(row)}"' in page
    assert "0 of 1 devices" in page
    assert "No commands" in read(auditor, address(moved))
    assert 'href="/console/bulk-commands/"' in read(auditor, "/console/devices/")
    assert address(moved) not in read(auditor, "/console/bulk-commands/?q=Restart")


def test_what_is_left_is_cancelled_by_whoever_may_send_it(
    world: World, operator: Client, auditor: Client, gone: Device
) -> None:
    keys = [world.device.pk, world.mac.pk, gone.pk]
    bulk = request_bulk(keys, name="ProfileList", parameters={}, actor="ada")
    assert "Cancel what is not answered" in read(operator, address(bulk))
    assert "Cancel what is not answered" not in read(auditor, address(bulk))
    page = operator.post(f"{address(bulk)}/cancel", follow=True).content.decode()
    assert "What is not answered is taken back." in page
    assert "Cancelled when 0 of 3 devices had had their turn." in page
    assert "data-poll" not in page
    assert not queue_portion(bulk.pk, now=timezone.now())
    assert not Command.objects.filter(bulk=bulk).exists()


def test_commands_that_devices_have_not_answered_are_cancelled(
    world: World, operator: Client, bulk: BulkCommand
) -> None:
    operator.post(f"{address(bulk)}/cancel")
    states = Command.objects.filter(bulk=bulk).values_list("state", flat=True)
    assert sorted(states) == ["cancelled", "error"]
    again = operator.post(f"{address(bulk)}/cancel", follow=True).content.decode()
    assert "Everything is over already" in again


def test_an_operator_does_not_cancel_what_administrators_send(
    world: World, operator: Client, administrator: Client
) -> None:
    bulk = unenroll_many([world.mac.pk], actor="ada")
    assert operator.post(f"{address(bulk)}/cancel").status_code == 403
    assert administrator.post(f"{address(bulk)}/cancel").status_code == 302
    bulk.refresh_from_db()
    assert (bulk.waiting, bulk.finished_at is not None) == ([], True)
