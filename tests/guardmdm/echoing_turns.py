"""`guardmdm.turns` around a Django that says what reached it, with little patience."""

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import django
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection, connections
from django.http import (
    FileResponse,
    HttpRequest,
    JsonResponse,
    StreamingHttpResponse,
)
from django.http.response import HttpResponseBase
from django.urls import path

from guardmdm import slow_clients
from guardmdm.turns import Turns
from organization.errors import ManyAreWaiting
from organization.services.waiting import waiting_for_another_server

django.setup()
slow_clients.PATIENCE_SECONDS = float(os.environ["PATIENCE_SECONDS"])
slow_clients.CROWD_SECONDS = float(os.environ["CROWD_SECONDS"])
connections.settings["default"]["CONN_MAX_AGE"] = 600  # as in production


def echo(request: HttpRequest) -> HttpResponseBase:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse(
        {
            "method": request.method,
            "length": len(request.body),
            "sha256": hashlib.sha256(request.body).hexdigest(),
            "read_again": len(request.read()),
            "client": request.META["REMOTE_ADDR"],
            "forwarded": request.headers.get("X-Forwarded-For", ""),
            "connection": id(connection.connection),
        }
    )


held: list[Event] = []


def hold() -> None:
    """Return when somebody has asked for `let_go`."""
    held.append(Event())
    held[-1].wait(60)


def count_held(request: HttpRequest) -> HttpResponseBase:
    return JsonResponse({"held": len(held)})


def let_go(request: HttpRequest) -> HttpResponseBase:
    while held:
        held.pop().set()
    return JsonResponse({})


def stream(request: HttpRequest) -> HttpResponseBase:
    """Rows of the database, of which the second is held."""

    def rows() -> Iterator[str]:
        for number in range(2):
            if number:
                hold()
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
                yield f"{cursor.fetchone()[0]}\n"

    return StreamingHttpResponse(rows())


def break_off(request: HttpRequest) -> HttpResponseBase:
    def rows() -> Iterator[str]:
        yield "1\n"
        raise ConnectionError("the database is gone")

    return StreamingHttpResponse(rows())


def send_file(request: HttpRequest) -> HttpResponseBase:
    return FileResponse(Path(os.environ["LARGE_FILE"]).open("rb"))


def wait(request: HttpRequest) -> HttpResponseBase:
    held.append(Event())
    time.sleep(1)
    return JsonResponse({})


def take_long(request: HttpRequest) -> HttpResponseBase:
    hold()
    return JsonResponse({})


def wait_elsewhere(request: HttpRequest) -> HttpResponseBase:
    """The same for another server's answer; the database is asked before and after."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    try:
        with waiting_for_another_server():
            hold()
    except ManyAreWaiting:
        response = echo(request)
        response.status_code = 503
        return response
    return echo(request)


at_work: list[HttpRequest] = []


def meet(request: HttpRequest) -> HttpResponseBase:
    """How many requests were worked at when this one's work was done."""
    at_work.append(request)
    time.sleep(0.005)
    met = len(at_work)
    at_work.pop()
    return JsonResponse({"at_once": met})


def refuse(request: HttpRequest) -> HttpResponseBase:
    """What a view that keeps a log gets of a body that is too large, or was cut off."""
    length = len(request.META["wsgi.input"].read())
    return JsonResponse({"announced": request.META["CONTENT_LENGTH"], "length": length})


urlpatterns = [
    path("healthz", echo),
    path("healthz/stream", stream),
    path("healthz/break-off", break_off),
    path("healthz/file", send_file),
    path("healthz/wait", wait),
    path("healthz/long", take_long),
    path("healthz/held", count_held),
    path("healthz/let-go", let_go),
    path("healthz/wait-elsewhere", wait_elsewhere),
    path("healthz/meet", meet),
    path("scep/x", echo),
    path("mdm/x", refuse),
    path("mdm/small", refuse),
]


class Echo(WSGIHandler):
    def get_response(self, request: HttpRequest) -> HttpResponseBase:
        request.urlconf = __name__
        return super().get_response(request)


application = Turns(
    Echo(),
    count=2,
    max_body=10 * 1024 * 1024,
    message_limits={"/scep/": 10 * 1024 * 1024, "/mdm/s": 1000, "/mdm/": 10 * 1024 * 1024},
)
