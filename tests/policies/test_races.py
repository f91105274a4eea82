"""Two workers at once, and workers killed at any statement: each command once (R5)."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from django.db import connection, transaction

from devices.models import Command, Enrollment, Group
from devices.services.groups import delete_group
from policies.models import ItemStatus, PolicyItem, Rollout
from policies.services.apply import apply_policies
from policies.services.items import remove_item
from tests.policies.conftest import ADMIN
from tests.policies.device import MIDNIGHT, Handheld

Add = Callable[..., PolicyItem]
THREADS = 8


def run_at_once(work: Callable[[], Any]) -> list[BaseException]:
    """Start `work` in THREADS threads behind one barrier; return what they raised."""
    barrier, errors = threading.Barrier(THREADS), []

    def run() -> None:
        try:
            barrier.wait(timeout=10)
            work()
        except BaseException as error:  # noqa: BLE001 - told to the test
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return errors


@pytest.mark.django_db(transaction=True)
def test_each_item_is_queued_once_when_many_workers_apply_at_once(
    transactional_db: None, bootstrapped: None, device: Handheld, add_profile: Add, add_app: Add
) -> None:
    for number in range(5):
        add_profile(f"Profile {number}")
    add_app()
    key = device.enrollment.pk
    errors = run_at_once(lambda: apply_policies(Enrollment.objects.get(pk=key), now=MIDNIGHT))
    assert errors == []
    kinds = Command.objects.filter(enrollment=key).values_list("request_type", flat=True)
    assert Counter(kinds) == {
        "InstallProfile": 5,
        "InstallApplication": 1,
        "ManagedApplicationList": 1,
    }
    assert ItemStatus.objects.filter(enrollment=key).count() == 6


@pytest.mark.django_db(transaction=True)
def test_a_group_can_be_deleted_while_its_policy_is_saved(
    transactional_db: None, bootstrapped: None, group: Group, add_profile: Add
) -> None:
    Rollout.objects.all().delete()  # of the changes so far, as workers leave it
    is_saved = threading.Event()

    def save() -> None:
        with closing(connection), transaction.atomic():
            add_profile()
            is_saved.set()
            time.sleep(0.3)  # long enough for the other one to come and wait

    saver = threading.Thread(target=save)
    saver.start()
    is_saved.wait(timeout=60)
    delete_group(group, actor=ADMIN)
    saver.join(timeout=60)
    assert not Group.objects.filter(pk=group.pk).exists()
    assert not Rollout.objects.filter(group=group.pk).exists()


@pytest.mark.django_db(transaction=True)
def test_it_ends_in_order_when_items_vanish_while_workers_apply(
    transactional_db: None, bootstrapped: None, device: Handheld, add_profile: Add
) -> None:
    items = [add_profile(f"Profile {number}") for number in range(THREADS)]
    device.settle()
    key, waiting, lock = device.enrollment.pk, list(items), threading.Lock()

    def work() -> None:
        with lock:
            item = waiting.pop()
        remove_item(item, actor=ADMIN)
        apply_policies(Enrollment.objects.get(pk=key), now=device.now)

    assert run_at_once(work) == []
    device.settle()
    assert (device.profiles, device.states) == ({}, {})
    assert device.count("RemoveProfile") == THREADS
    assert device.status == "managed"


class Killed(BaseException):
    """The worker is gone, whatever it was doing."""


class Executioner:
    """Kills the worker at the n-th statement it sends to the database."""

    def __init__(self, statements: int) -> None:
        self.left = statements

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self.left -= 1
        if self.left == -1:  # once: the database rolls back by itself what nobody commits
            raise Killed
        return execute(sql, params, many, context)


def apply_until_killed(device: Handheld, *, statements: int) -> bool:
    """Return whether the worker was killed before it was done."""
    try:
        with transaction.atomic(), connection.execute_wrapper(Executioner(statements)):
            device.apply()
    except Killed:
        return True
    return False


def test_each_command_is_there_once_when_the_worker_dies_at_any_statement(
    device: Handheld, add_profile: Add, add_app: Add
) -> None:
    """Every statement of installing, then of removing, is the last one of some worker."""
    items = [add_profile(f"Profile {number}") for number in range(3)] + [add_app()]
    kills = 0
    while apply_until_killed(device, statements=kills):
        kills += 1
        assert not Command.objects.filter(enrollment=device.enrollment).exists()
    assert kills > 20
    device.settle()
    assert device.count("InstallProfile") == 3
    assert device.count("InstallApplication") == 1
    for item in items:
        remove_item(item, actor=ADMIN)
    kills = 0
    while apply_until_killed(device, statements=kills):
        kills += 1
        assert device.count("RemoveProfile") == 0
    device.settle()
    assert (device.count("RemoveProfile"), device.count("RemoveApplication")) == (3, 1)
    assert device.states == {}
