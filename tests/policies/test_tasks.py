"""News start tasks after the commit, and a broker out of reach harms nobody."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from kombu.exceptions import OperationalError

from devices.models import Group
from devices.services.actions import assign_group
from devices.signals import device_enrolled
from guardmdm.celery import SweptTask, app
from policies import tasks
from policies.models import Policy, PolicyItem
from policies.services import apply
from policies.services.items import remove_item, replace_profile
from policies.services.policies import delete_policy, update_policy
from policies.services.retry import retry_item
from tests.policies.conftest import ADMIN
from tests.policies.device import Handheld, enroll
from tests.policies.profiles import make_mobileconfig

Add = Callable[..., PolicyItem]
Capture = Callable[..., Any]


@pytest.fixture
def on_commit(django_capture_on_commit_callbacks: Capture) -> Iterator[Capture]:
    """Run what waits for the commit, its tasks in this process."""
    app.conf.update(task_always_eager=True, task_eager_propagates=True)
    yield lambda: django_capture_on_commit_callbacks(execute=True)
    app.conf.update(task_always_eager=False, task_eager_propagates=False)


def test_the_device_gets_its_items_when_it_has_enrolled(
    device: Handheld, add_profile: Add, on_commit: Capture
) -> None:
    add_profile()
    with on_commit():
        device_enrolled.send(type(device.enrollment), enrollment=device.enrollment, renewed=False)
    assert device.count("InstallProfile") == 1


def test_the_device_is_managed_at_once_when_its_last_answer_arrives(
    device: Handheld, add_profile: Add, add_app: Add, on_commit: Capture
) -> None:
    add_profile(), add_app()
    device.now = timezone.now() - timedelta(minutes=1)
    device.apply()
    with on_commit():
        device.obey()
    assert device.count("ManagedApplicationList") == 1
    assert device.status == "managed"


@pytest.mark.parametrize("change", ["add", "replace", "remove", "delete", "unassign"])
def test_enrolled_devices_are_reached_when_a_policy_changes(
    device: Handheld, add_profile: Add, policy: Policy, on_commit: Capture, change: str
) -> None:
    item = add_profile()
    device.settle()
    before = device.enrollment.commands.count()
    with on_commit():
        match change:
            case "add":
                add_profile("Another")
            case "replace":
                replace_profile(item, data=make_mobileconfig(minLength=9), actor=ADMIN)
            case "remove":
                remove_item(item, actor=ADMIN)
            case "delete":
                delete_policy(policy, actor=ADMIN)
            case "unassign":
                update_policy(policy, groups=[], actor=ADMIN)
    assert device.enrollment.commands.count() == before + 1


def test_the_device_is_reached_when_it_moves_to_a_group(
    group: Group, add_profile: Add, on_commit: Capture
) -> None:
    add_profile()
    device = Handheld(enroll(None))
    with on_commit():
        assign_group(device.enrollment.device, group=group, actor=ADMIN)
    assert device.count("InstallProfile") == 1


def test_the_item_is_queued_when_an_administrator_retries_it(
    device: Handheld, add_profile: Add, on_commit: Capture
) -> None:
    add_profile()
    device.refuse("InstallProfile")
    device.settle()
    with on_commit():
        retry_item(device.get("Passcode"), actor=ADMIN)
    assert device.count("InstallProfile") == 2


def test_nothing_happens_when_the_row_is_gone(db: None) -> None:
    tasks.apply_policies(987654)
    tasks.apply_chunk([987654, 987655])


def test_the_others_are_served_when_one_enrollment_breaks(
    group: Group, add_profile: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_profile()
    broken, whole = Handheld(enroll(group)), Handheld(enroll(group))
    apply_to = apply.apply_policies

    def fail_for_one(enrollment: Any, *, now: Any) -> int:
        if enrollment.pk == broken.enrollment.pk:
            raise RuntimeError("something nobody thought of")
        return apply_to(enrollment, now=now)

    monkeypatch.setattr(apply, "apply_policies", fail_for_one)
    tasks.apply_chunk([broken.enrollment.pk, whole.enrollment.pk])
    assert (broken.count("InstallProfile"), whole.count("InstallProfile")) == (0, 1)


def test_the_sweep_serves_every_stale_device_when_it_runs(
    group: Group, add_profile: Add, on_commit: Capture
) -> None:
    add_profile()
    devices = [Handheld(enroll(group)) for _ in range(3)]
    tasks.sweep_policies.delay()
    assert [device.count("InstallProfile") for device in devices] == [1, 1, 1]


def test_the_change_stands_when_the_broker_is_out_of_reach(
    device: Handheld,
    add_profile: Add,
    django_capture_on_commit_callbacks: Capture,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(*arguments: Any, **options: Any) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr("celery.app.task.Task.apply_async", refuse)
    monkeypatch.setattr(SweptTask, "_broker_down_until", 0.0)
    with django_capture_on_commit_callbacks(execute=True):
        item = add_profile()
    assert PolicyItem.objects.filter(pk=item.pk).exists()
    assert "the sweep will do policies.tasks.apply_group" in caplog.text
