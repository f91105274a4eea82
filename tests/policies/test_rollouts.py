"""A policy's change reaches a group in portions, also after changes in between and lost tasks."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from devices.models import Group
from devices.services.push.announcement import Announcement
from devices.tasks import send_requested_pushes
from guardmdm.celery import app
from policies import tasks
from policies.models import PolicyItem, Rollout
from policies.services import apply, rollouts
from policies.services.items import replace_profile
from policies.services.rollouts import begin_rollouts, claim_stalled_rollouts, roll_out
from tests.policies.conftest import ADMIN
from tests.policies.device import Handheld, enroll
from tests.policies.profiles import make_mobileconfig

Add = Callable[..., PolicyItem]
LATER = timedelta(minutes=3)


@pytest.fixture
def devices(group: Group, monkeypatch: pytest.MonkeyPatch) -> list[Handheld]:
    """Two portions and a half."""
    monkeypatch.setattr(rollouts, "PORTION", 2)
    return [Handheld(enroll(group)) for _ in range(5)]


@pytest.fixture
def eager() -> Iterator[None]:
    app.conf.update(task_always_eager=True, task_eager_propagates=True)
    yield
    app.conf.update(task_always_eager=False, task_eager_propagates=False)


def count(devices: list[Handheld]) -> list[int]:
    return [device.count("InstallProfile") for device in devices]


def is_going_on(group: Group) -> bool:
    return Rollout.objects.filter(group=group).exists()


def go_on(group: Group) -> bool:
    return roll_out(group.pk, now=timezone.now())


def test_a_portion_is_served_and_the_others_are_left_to_another_task(
    group: Group, add_profile: Add, devices: list[Handheld]
) -> None:
    add_profile()
    went_on: list[bool] = []
    served: list[int] = []
    while not went_on or went_on[-1]:
        went_on.append(go_on(group))
        served.append(sum(count(devices)))
    assert (went_on, served) == ([True, True, False], [2, 4, 5])
    assert not is_going_on(group)
    assert not go_on(group)


def test_all_have_the_last_version_once_when_it_changes_half_way(
    group: Group, add_profile: Add, devices: list[Handheld]
) -> None:
    item = add_profile()
    go_on(group)
    replace_profile(item, data=make_mobileconfig(minLength=9), actor=ADMIN)
    while go_on(group):
        pass
    assert count(devices) == [2, 2, 1, 1, 1]  # the first two had been queued the former one


def test_a_change_during_a_portion_reaches_that_portion_too(
    group: Group, add_profile: Add, devices: list[Handheld], monkeypatch: pytest.MonkeyPatch
) -> None:
    item, apply_to_each = add_profile(), apply.apply_to_each

    def change_afterwards(*arguments: Any, **options: Any) -> None:
        apply_to_each(*arguments, **options)
        monkeypatch.setattr(rollouts, "apply_to_each", apply_to_each)
        replace_profile(item, data=make_mobileconfig(minLength=9), actor=ADMIN)

    monkeypatch.setattr(rollouts, "apply_to_each", change_afterwards)
    assert not go_on(group)  # the change has a task of its own
    while go_on(group):
        pass
    assert count(devices) == [2, 2, 1, 1, 1]


def test_one_of_two_tasks_goes_on_when_both_do_the_same_portion(
    group: Group, add_profile: Add, devices: list[Handheld], monkeypatch: pytest.MonkeyPatch
) -> None:
    add_profile()
    apply_to_each, twin = apply.apply_to_each, list[bool]()

    def meet_a_twin(*arguments: Any, **options: Any) -> None:
        monkeypatch.setattr(rollouts, "apply_to_each", apply_to_each)
        twin.append(go_on(group))
        apply_to_each(*arguments, **options)

    monkeypatch.setattr(rollouts, "apply_to_each", meet_a_twin)
    assert (go_on(group), twin) == (False, [True])
    assert count(devices) == [1, 1, 0, 0, 0]


def test_the_sweep_goes_on_when_a_task_is_lost(
    group: Group, add_profile: Add, devices: list[Handheld], eager: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    add_profile()
    go_on(group)
    now = timezone.now()
    assert group.pk not in claim_stalled_rollouts(now=now)
    assert group.pk in claim_stalled_rollouts(now=now + LATER)
    assert claim_stalled_rollouts(now=now + LATER) == [], "a sweep that came late finds it taken"
    Rollout.objects.update(touched_at=now - LATER)
    monkeypatch.setattr(tasks, "MOST_SWEPT", 0)
    tasks.sweep_policies()
    assert count(devices) == [1] * 5
    assert not is_going_on(group)


def test_the_sweep_serves_all_by_and_by_when_there_are_many_and_one_breaks(
    add_profile: Add, devices: list[Handheld], eager: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_profile()
    broken, apply_to = devices[0].enrollment.pk, apply.apply_policies

    def fail_for_one(enrollment: Any, *, now: Any) -> int:
        if enrollment.pk == broken:
            raise RuntimeError("something nobody thought of")
        return apply_to(enrollment, now=now)

    monkeypatch.setattr(apply, "apply_policies", fail_for_one)
    monkeypatch.setattr(tasks, "MOST_SWEPT", 2)
    tasks.sweep_policies()
    assert 1 <= sum(count(devices)) <= 2
    for _ in range(40):
        tasks.sweep_policies()
    assert count(devices) == [0, 1, 1, 1, 1]


@pytest.mark.django_db(transaction=True)
def test_the_devices_of_a_portion_are_woken_by_one_task(
    transactional_db: None, bootstrapped: None, group: Group, add_profile: Add,
    devices: list[Handheld], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    add_profile()
    started: list[int] = []

    def start() -> bool:
        """As if a worker began with it at once: the next announcement needs another one."""
        started.append(sum(count(devices)))
        Announcement.end()
        return True

    monkeypatch.setattr(send_requested_pushes, "delay", start)
    Announcement.end()
    while go_on(group):
        pass
    assert started == [2, 4, 5]


@pytest.mark.usefixtures("db")
def test_a_group_that_is_gone_has_no_rollout() -> None:
    begin_rollouts([987654], now=timezone.now())
    connection.check_constraints()
    assert not Rollout.objects.filter(group=987654).exists()
