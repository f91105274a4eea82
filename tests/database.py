"""Fixtures on the database: the first-time set-up stands in it before every test."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.contrib.contenttypes.management import create_contenttypes
from django.core import serializers
from django.core.cache import cache
from django.db import connection, transaction
from django.db.models.signals import post_migrate

APPS = ("organization", "scep", "devices", "policies", "enrollment", "webhooks")
ROWS = pytest.StashKey[str]()
DATABASE_FIXTURES = {"db", "transactional_db", "django_db_reset_sequences", "live_server"}


@pytest.fixture(scope="session")
def django_db_setup(
    request: pytest.FixtureRequest, django_db_setup: None, django_db_blocker: Any
) -> Iterator[str]:
    """Bootstrap the test database once; yields its rows as text, to bring them back."""
    with django_db_blocker.unblock():
        _set_up()
        _leave_permissions_out()
        request.session.stash[ROWS] = _dump_rows()
        yield request.session.stash[ROWS]


def _set_up() -> None:
    from guardmdm.bootstrap import set_up

    set_up(organization_name="Example Org", administrator_email="admin@example.com", demo=True)


def _leave_permissions_out() -> None:
    """Of Django's permissions nothing asks, so no test gets those of all models anew.

    Else each one in transactions of its own would, when the tables are emptied behind it.
    """
    post_migrate.disconnect(create_contenttypes)
    post_migrate.disconnect(dispatch_uid="django.contrib.auth.management.create_permissions")


def _dump_rows() -> str:
    models = serializers.sort_dependencies(
        [(apps.get_app_config(app), None) for app in APPS], allow_cycles=True
    )
    rows = (row for model in models for row in model._base_manager.order_by("pk"))
    return serializers.serialize("json", rows)


def load_rows(text: str) -> None:
    with transaction.atomic(), connection.constraint_checks_disabled():
        for row in serializers.deserialize("json", text):
            row.save()


@pytest.fixture
def bootstrapped(request: pytest.FixtureRequest, django_db_setup: str) -> None:
    """The organization, CAs, keys, default group and profile, demo push certificate are there.

    A test in transactions of its own (`transaction=True`, `live_server`) leaves the
    database empty behind it; then the rows of the first bootstrap come back.
    """
    from organization.models import Organization

    if not DATABASE_FIXTURES & set(request.fixturenames):
        request.getfixturevalue("db")
    if not Organization.objects.exists():
        load_rows(django_db_setup)


@pytest.fixture(scope="module", autouse=True)
def filled_again(request: pytest.FixtureRequest, django_db_blocker: Any) -> None:
    """A module begins with those rows: its tests that are rolled back need not bring them."""
    from organization.models import Organization

    rows = request.session.stash.get(ROWS, "")
    with django_db_blocker.unblock():
        if rows and not Organization.objects.exists():
            load_rows(rows)


@contextmanager
def keep_rows(unblock: Any) -> Iterator[None]:
    """A transaction around those of a module's tests, open until the with statement ends.

    What is made inside is there for each of them, and gone after the last. The tests themselves
    must all be rolled back; one in transactions of its own would wait for this one.
    """
    around = transaction.atomic()
    with unblock():
        around.__enter__()
    try:
        yield
    finally:
        with unblock():
            transaction.set_rollback(True)
            around.__exit__(None, None, None)


@pytest.fixture(autouse=True)
def bootstrapped_where_a_database_is_used(request: pytest.FixtureRequest) -> None:
    uses_database = request.node.get_closest_marker("django_db") or (
        DATABASE_FIXTURES & set(request.fixturenames)
    )
    if uses_database:
        for name in ("live_server", "transactional_db"):
            if name in request.fixturenames:
                request.getfixturevalue(name)
        request.getfixturevalue("bootstrapped")


@pytest.fixture(autouse=True)
def rate_limit_clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Whatever a test tries is counted together: no minute ends before the test moves `now`."""
    from organization.services import rate_limit

    clock = SimpleNamespace(now=time.time())
    monkeypatch.setattr(rate_limit, "time", SimpleNamespace(time=lambda: clock.now))
    return clock


@pytest.fixture(autouse=True)
def no_webhook_wants_anything() -> None:
    """Until a test makes one; else a test that counts queries would meet now and then the one
    with which a process looks who wants what."""
    from webhooks.services.interest import Interest

    Interest.learn({}, seconds=float("inf"))


@pytest.fixture(autouse=True)
def nothing_remembered_of_an_earlier_test() -> None:
    """Of what came from an address, and of what a process keeps in mind for seconds: that a broker
    or Redis is away, a task has been started, an address may go on. Rows that were rolled back
    leave their numbers to the next test's."""
    from devices.services.push import announcement as push_announcement
    from guardmdm.celery import SweptTask
    from guardmdm.redis_cache import EnduringRedisCache
    from scep.services import refusals
    from webhooks.services import announcement

    push_announcement.Announcement._unreachable_until = SweptTask._broker_down_until = 0.0
    announcement.Announcement._begins.clear()
    refusals._check_this_second.cache_clear()
    EnduringRedisCache._away_until = 0.0
    cache.clear()
