"""Django's middlewares, for people only: a device's or a program's request passes none of them."""

import logging
from collections.abc import Callable
from functools import cache, partial
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.middleware.locale import LocaleMiddleware
from django.shortcuts import redirect
from django.utils import timezone, translation
from django.utils.module_loading import import_string

from organization.services.audit import asked_from
from organization.services.client_address import get_client_address

MACHINE_PATHS = (
    *("/mdm/", "/scep/", "/pki/", "/apps/", "/enroll/trusted"),
    *("/healthz", "/readyz", "/metrics"),
)
# Not all of /accounts/: whoever made the password could add a passkey that outlives it.
PASSWORD_CHANGE_PATHS = (
    *("/accounts/password/change/", "/accounts/logout/"),
    *("/static/", "/enroll", "/e/", "/branding/", "/api/"),
)
CONSOLE = "/console/"
PRIVATE_PATHS = (CONSOLE, "/accounts/")
VISITORS_PATHS = ("/enroll", "/e/")
TIME_ZONE_COOKIE = "timezone"  # set by static/console/theme.js

DATABASE_ERRORS = (OperationalError, InterfaceError)
RETRY_AFTER_SECONDS = 10
logger = logging.getLogger(__name__)

View = Callable[[HttpRequest], HttpResponse]


def for_people(path: str) -> type:
    """Return the middleware at `path`, made to step aside for MACHINE_PATHS."""
    middleware = import_string(path)

    class ForPeople:
        def __init__(self, get_response: View) -> None:
            self.get_response = get_response
            self.inner = middleware(get_response)
            for hook in ("process_view", "process_exception", "process_template_response"):
                if hasattr(self.inner, hook):
                    setattr(self, hook, self._guard(getattr(self.inner, hook), hook))

        @staticmethod
        def _guard(call: Callable[..., Any], hook: str) -> Callable[..., Any]:
            def guarded(request: HttpRequest, first: Any, *rest: Any) -> Any:
                if request.path_info.startswith(MACHINE_PATHS):
                    return first if hook == "process_template_response" else None
                return call(request, first, *rest)

            return guarded

        def __call__(self, request: HttpRequest) -> HttpResponse:
            if request.path_info.startswith(MACHINE_PATHS):
                return self.get_response(request)
            return self.inner(request)  # type: ignore[no-any-return]

    ForPeople.__name__ = ForPeople.__qualname__ = middleware.__name__
    return ForPeople


def require_new_password(get_response: View) -> View:
    """Send a person whose password somebody else has seen to the page that changes it."""

    def middleware(request: HttpRequest) -> HttpResponse:
        user = request.user
        seen = user.is_authenticated and getattr(user, "must_change_password", False)
        if seen and not request.path_info.startswith(PASSWORD_CHANGE_PATHS):
            return redirect("account_change_password")
        return get_response(request)

    return middleware


def show_local_times(get_response: View) -> View:
    """Times in the console are those of the person's clock, whose zone the browser names."""

    def middleware(request: HttpRequest) -> HttpResponse:
        name = request.COOKIES.get(TIME_ZONE_COOKIE, "")
        if not request.path_info.startswith(CONSOLE) or name not in _list_zones():
            return get_response(request)
        with timezone.override(ZoneInfo(name)):
            return get_response(request)

    return middleware


@cache
def _list_zones() -> set[str]:
    """Read once from the disk; what is not among them is not looked for there."""
    return available_timezones()


def note_address(get_response: View) -> View:
    """Whatever is written to the audit log meanwhile was asked for from the client's address."""

    def middleware(request: HttpRequest) -> HttpResponse:
        with asked_from(partial(get_client_address, request)):
            return get_response(request)

    return middleware


def keep_out_of_caches(get_response: View) -> View:
    """No browser shows by its Back button what somebody saw who has signed out."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if request.path_info.startswith(PRIVATE_PATHS):
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    return middleware


def refuse_nul(get_response: View) -> View:
    """No row is named with a NUL, at which PostgreSQL's driver chokes.

    The doors of enrollment and of programs know that themselves, and answer in their own words.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if "\0" in request.path_info and request.path_info.startswith(PRIVATE_PATHS):
            raise Http404
        return get_response(request)

    return middleware


class DatabaseOutage:
    """503 with Retry-After while the database is away: devices and programs come again."""

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    @staticmethod
    def process_exception(request: HttpRequest, exception: Exception) -> Any:
        if not isinstance(exception, DATABASE_ERRORS):
            return None
        logger.error("%s %s: no database (%s)", request.method, request.path, exception)
        answer = HttpResponse("The server cannot reach its database. Try again shortly.\n")
        answer.status_code, answer["Content-Type"] = 503, "text/plain"
        answer["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return answer


class VisitorsLanguage(LocaleMiddleware):
    """The enrollment page speaks as the browser asks; the console is in English, whole.

    Dates, forms and the pages of the sign-in are translated by the libraries that they come from.
    """

    def process_request(self, request: HttpRequest) -> None:
        if request.path_info.startswith(VISITORS_PATHS):
            super().process_request(request)
            return
        translation.activate(settings.LANGUAGE_CODE)
        request.LANGUAGE_CODE = settings.LANGUAGE_CODE  # type: ignore[attr-defined]


security = for_people("django.middleware.security.SecurityMiddleware")
content_security_policy = for_people("csp.middleware.CSPMiddleware")
static_files = for_people("whitenoise.middleware.WhiteNoiseMiddleware")
sessions = for_people("django.contrib.sessions.middleware.SessionMiddleware")
common = for_people("django.middleware.common.CommonMiddleware")
locale = for_people("guardmdm.middleware.VisitorsLanguage")
csrf = for_people("django.middleware.csrf.CsrfViewMiddleware")
authentication = for_people("django.contrib.auth.middleware.AuthenticationMiddleware")
messages = for_people("django.contrib.messages.middleware.MessageMiddleware")
htmx = for_people("django_htmx.middleware.HtmxMiddleware")
frame_options = for_people("django.middleware.clickjacking.XFrameOptionsMiddleware")
time_zone = for_people("guardmdm.middleware.show_local_times")
password_change = for_people("guardmdm.middleware.require_new_password")
address = for_people("guardmdm.middleware.note_address")
no_store = for_people("guardmdm.middleware.keep_out_of_caches")
plain_path = for_people("guardmdm.middleware.refuse_nul")
