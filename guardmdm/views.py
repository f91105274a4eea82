"""The operators' doors: is the process alive, can it do its work."""

from typing import Any

from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from kombu.exceptions import OperationalError

from guardmdm.celery import app
from organization.errors import NotSetUp
from organization.selectors import get_organization


def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain")


def readyz(request: HttpRequest) -> JsonResponse:
    checks = {"database": _check_database(), "broker": _check_broker()}
    checks["set_up"] = checks["database"] if checks["database"] != "ok" else _check_set_up()
    ready = all(answer == "ok" for answer in checks.values())
    return JsonResponse(checks, status=200 if ready else 503)


def _check_database() -> str:
    try:
        executor = MigrationExecutor(connection)
        plan: list[Any] = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except Exception as error:  # noqa: BLE001 - the door's border: whatever it is, say its kind
        return f"unreachable ({type(error).__name__})"
    return "migrations are missing" if plan else "ok"


def _check_broker() -> str:
    try:
        with app.connection_for_write(connect_timeout=2) as broker:
            broker.ensure_connection(max_retries=1, timeout=2)
    except (OperationalError, OSError) as error:
        return f"unreachable ({type(error).__name__})"
    return "ok"


def _check_set_up() -> str:
    try:
        get_organization()
    except NotSetUp:
        return "first-time set-up is missing: run manage.py bootstrap"
    return "ok"
