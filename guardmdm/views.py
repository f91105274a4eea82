"""The operators' doors: is the process alive, can it do its work."""

from django.db.utils import DatabaseError, InterfaceError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from kombu.exceptions import OperationalError

from guardmdm.readiness import count_missing_migrations, reach_broker
from organization.errors import NotSetUp
from scep.selectors import get_issuing_ca

OK = "ok"


def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain")


def readyz(request: HttpRequest) -> JsonResponse:
    """200 when database, migrations, broker and CA are there, else 503; the body says which."""
    checks = {"database": _check_database(), "broker": _check_broker()}
    checks["set_up"] = checks["database"] if checks["database"] != OK else _check_set_up()
    ready = all(answer == OK for answer in checks.values())
    return JsonResponse(checks, status=200 if ready else 503)


def _check_database() -> str:
    try:
        missing = count_missing_migrations()
    except (DatabaseError, InterfaceError) as error:
        return f"unreachable ({type(error).__name__})"
    return "migrations are missing" if missing else OK


def _check_broker() -> str:
    try:
        reach_broker()
    except (OperationalError, OSError) as error:
        return f"unreachable ({type(error).__name__})"
    return OK


def _check_set_up() -> str:
    try:
        get_issuing_ca()
    except NotSetUp:
        return "first-time set-up is missing: run manage.py bootstrap"
    return OK


def answer_not_found(request: HttpRequest, *_: str) -> HttpResponse:
    """Stand in for pages of a library that this server does not offer."""
    raise Http404
