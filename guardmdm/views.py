"""The operators' doors: is the process alive, can it do its work."""

from django.core.exceptions import DisallowedHost
from django.db.utils import DatabaseError, InterfaceError
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBadRequest,
    JsonResponse,
)
from django.http.request import split_domain_port
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.defaults import bad_request
from kombu.exceptions import OperationalError

from guardmdm.metrics import build_metrics
from guardmdm.readiness import BrokerRefuses, count_missing_migrations, reach_broker
from organization.errors import ApiKeyInvalid, NotSetUp
from organization.protocol.loopback import is_loopback
from organization.rest import errors
from organization.services.api_keys import verify_api_key
from organization.services.client_address import get_client_address
from scep.selectors import get_issuing_ca

OK = "ok"
LONGEST_HOST = 253  # of RFC 1035's names
PASSED_ON = ("HTTP_X_FORWARDED", "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_VIA")
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


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
    except BrokerRefuses:
        return "takes no tasks"
    except (OperationalError, OSError) as error:
        return f"unreachable ({type(error).__name__})"
    return OK


def _check_set_up() -> str:
    try:
        get_issuing_ca()
    except NotSetUp:
        return "first-time set-up is missing: run manage.py bootstrap"
    return OK


def metrics(request: HttpRequest) -> HttpResponse:
    """Numbers for monitoring, to whoever asks on this machine itself or has an API key."""
    if not (_is_from_here(request) or _has_key(request)):
        answer = HttpResponse("An API key is needed.\n", content_type="text/plain", status=401)
        answer["WWW-Authenticate"] = "Bearer"
        return answer
    return HttpResponse(build_metrics(now=timezone.now()), content_type=METRICS_TYPE)


def _is_from_here(request: HttpRequest) -> bool:
    """Of a proxy on this machine everything comes from here, so none may have passed it on.

    One that adds no header keeps the name that it was asked for, as a page does that has made a
    browser on this machine ask.
    """
    address = get_client_address(request)
    host, _ = split_domain_port(request.META.get("HTTP_HOST", ""))
    is_direct = not any(name.startswith(PASSED_ON) for name in request.META)
    is_asked_here = is_direct and is_loopback(host.strip("[]"))
    return is_asked_here and address is not None and is_loopback(address)


def _has_key(request: HttpRequest) -> bool:
    scheme, _, text = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    try:
        return scheme.lower() == "bearer" and bool(verify_api_key(text, now=timezone.now()))
    except ApiKeyInvalid:
        return False


def answer_bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """A page, and JSON for programs (docs/adr/0060)."""
    if request.path_info.startswith("/api/"):
        return errors.answer_bad_request(request)
    if isinstance(exception, DisallowedHost):
        # Without the request: who asks by another name has come no further than the name.
        host = request.META.get("HTTP_HOST", "")[:LONGEST_HOST]
        return HttpResponseBadRequest(render_to_string("wrong_host.html", {"host": host}))
    return bad_request(request, exception)


def answer_not_found(request: HttpRequest, *_: str) -> HttpResponse:
    """Stand in for pages of a library that this server does not offer."""
    raise Http404
