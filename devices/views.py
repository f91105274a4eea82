"""The devices' doors: PUT /mdm/checkin and PUT /mdm/connect.

Answers: 200, 400 malformed, 403 not trusted, 404 for a declaration, 410 for a user's channel,
413 too large, 503 try later. Never 401, which makes some devices unenroll, and never a redirect.
"""

import logging
from collections.abc import Callable
from functools import partial, wraps
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import Error as AnyDatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, UnreadablePostError
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from devices.errors import (
    DeclarationMissing,
    MessageInvalid,
    MessageRefused,
    PlistInvalid,
    PlistTooLarge,
    UserChannelDeclined,
)
from devices.protocol.answer import Answer
from devices.protocol.checkin import decode_checkin, is_checkin
from devices.protocol.connect import decode_report
from devices.protocol.plist import decode_plist
from devices.services.checkin import receive_checkin
from devices.services.connect import receive_report
from devices.services.identity import Evidence, identify_sender, prove_sender
from devices.services.known_sender import is_familiar
from devices.services.refusals import report_refusal
from organization.services.client_address import get_caller, is_trusted_proxy

log = logging.getLogger(__name__)
View = Callable[[HttpRequest], HttpResponse]
MAX_CHECKIN = 1024 * 1024
MAX_RESULT = 10 * 1024 * 1024
RETRY_AFTER = 60


def device_door(view: View) -> View:
    """Only PUT, no CSRF token, and every refusal in words that a device understands."""

    @csrf_exempt
    @wraps(view)
    def door(request: HttpRequest) -> HttpResponse:
        if request.method != "PUT":
            return HttpResponseNotAllowed(["PUT"])
        try:
            return view(request)
        except (MessageRefused, PlistInvalid, MessageInvalid) as error:
            return _refuse(request, error)
        except UserChannelDeclined as error:
            return _answer(410, str(error))
        except DeclarationMissing as error:
            log.warning("%s", error)
            return _answer(404, str(error))
        except AnyDatabaseError:
            log.exception("the database does not answer")
            return _try_later()

    return door


@device_door
def checkin(request: HttpRequest) -> HttpResponse:
    return _receive(request, max_bytes=MAX_CHECKIN)


@device_door
def connect(request: HttpRequest) -> HttpResponse:
    return _receive(request, max_bytes=MAX_RESULT)


def _receive(request: HttpRequest, *, max_bytes: int) -> HttpResponse:
    """Either URL takes either kind: a profile may name one URL for both."""
    now, ask_caller = timezone.now(), partial(get_caller, request)
    body = _read_body(request, max_bytes=max_bytes)
    proof = prove_sender(_read_evidence(request), content=body)
    # Nobody is read whose certificate is neither ours nor trusted.
    certificate = None if is_familiar(proof, now=now) else identify_sender(proof, now=now)
    message = decode_plist(body, max_bytes=max_bytes)
    if is_checkin(message):
        answer = receive_checkin(
            decode_checkin(message),
            proof=proof,
            challenge=request.GET.get("challenge", ""),
            now=now,
            certificate=certificate,
            ask_caller=ask_caller,
        )
    else:
        report = decode_report(message)
        next_command = receive_report(
            report, proof=proof, certificate=certificate, now=now, ask_caller=ask_caller
        )
        answer = Answer(next_command)
    length = {"Content-Length": str(len(answer.body))}
    return HttpResponse(answer.body, content_type=answer.content_type, headers=length)


def _read_evidence(request: HttpRequest) -> Evidence:
    """A forwarded client certificate counts where a trusted proxy has written it (D2)."""
    header = settings.CLIENT_CERT_HEADER
    believed = header and is_trusted_proxy(request.META.get("REMOTE_ADDR"))
    forwarded = request.headers.get(header, "") if believed else ""
    return Evidence(request.headers.get("Mdm-Signature", ""), forwarded)


def _read_body(request: HttpRequest, *, max_bytes: int) -> bytes:
    """Raises PlistTooLarge by the announced length, before reading, or by the real one."""
    announced = request.META.get("CONTENT_LENGTH") or "0"
    if announced.isdigit() and int(announced) > max_bytes:
        raise PlistTooLarge(f"{announced} bytes, at most {max_bytes} are taken")
    try:
        body = request.body
    except RequestDataTooBig as error:
        raise PlistTooLarge(f"more than {max_bytes} bytes") from error
    except UnreadablePostError as error:
        raise PlistInvalid("the message broke off") from error
    if len(body) > max_bytes:
        raise PlistTooLarge(f"{len(body)} bytes, at most {max_bytes} are taken")
    return body


def _refuse(request: HttpRequest, error: Any) -> HttpResponse:
    try:
        report_refusal(
            error,
            path=request.path,
            caller=get_caller(request),
            challenge=request.GET.get("challenge", ""),
        )
    except AnyDatabaseError:
        log.exception("a refusal could not be logged")
        return _try_later()
    if isinstance(error, MessageRefused):
        return _answer(403, "not trusted")
    return _answer(413 if isinstance(error, PlistTooLarge) else 400, str(error))


def _try_later() -> HttpResponse:
    response = _answer(503, "try later")
    response["Retry-After"] = str(RETRY_AFTER)
    return response


def _answer(status: int, text: str) -> HttpResponse:
    return HttpResponse(f"{text}\n", status=status, content_type="text/plain; charset=utf-8")
