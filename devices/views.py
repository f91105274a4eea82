"""The devices' doors: PUT /mdm/checkin and PUT /mdm/connect.

Answers: 200, 400 malformed, 403 not trusted, 404 for a declaration, 410 for a user's channel,
413 too large, 503 try later. Never 401, which makes some devices unenroll, and never a redirect.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any

from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.core.handlers.wsgi import WSGIRequest
from django.db import Error as AnyDatabaseError
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils import timezone
from django.utils.functional import cached_property
from django.views.decorators.csrf import csrf_exempt

from devices.errors import (
    DeclarationMissing,
    MessageInvalid,
    MessageRefused,
    PlistInvalid,
    PlistTooLarge,
    UserChannelDeclined,
)
from devices.protocol.checkin import decode_checkin, is_checkin
from devices.protocol.connect import decode_report
from devices.protocol.identity import Proof
from devices.protocol.plist import decode_plist
from devices.protocol.reply import Reply
from devices.services.checkin import receive_checkin
from devices.services.connect import receive_report
from devices.services.known_sender import find_familiar_issuer
from devices.services.refusals import report_refusal
from devices.services.sender import Evidence, identify_sender, prove_sender
from organization.errors import SecretUnreadable
from organization.protocol.caller import Caller
from organization.services.client_address import get_caller, is_trusted_proxy
from scep.models import IssuedCertificate

log = logging.getLogger(__name__)
View = Callable[[HttpRequest], HttpResponse]
MAX_CHECKIN = 1024 * 1024
MAX_RESULT = 10 * 1024 * 1024
RETRY_AFTER = 60
EXPECTED = (OperationalError, InterfaceError, SecretUnreadable, ObjectDoesNotExist)


class Incoming:
    """A message as WSGI brings it. Django's request is made of it only where it is asked for."""

    def __init__(self, environ: dict[str, Any]) -> None:
        self.environ = environ

    @cached_property
    def request(self) -> HttpRequest:
        return WSGIRequest(self.environ)

    def get_caller(self) -> Caller:
        return get_caller(self.request)

    def get_challenge(self) -> str:
        return self.request.GET.get("challenge", "") if self.environ.get("QUERY_STRING") else ""

    def get_header(self, name: str) -> str:
        text: str = self.environ.get(f"HTTP_{name.upper().replace('-', '_')}", "")
        return text


Receive = Callable[[Incoming], Reply]


def device_door(receive: Receive) -> View:
    """Only PUT, no CSRF token, and every refusal in words that a device understands.

    The view's `plain` is the same for WSGI's environ (guardmdm.machine_door): what most messages
    are answered with needs neither Django's request nor its response.
    """

    @csrf_exempt
    @wraps(receive)
    def door(request: HttpRequest) -> HttpResponse:
        incoming = Incoming(request.META)
        incoming.request = request
        answer = _answer_or_refuse(incoming, receive=receive)
        if isinstance(answer, HttpResponse):
            return answer
        length = {"Content-Length": str(len(answer.body))}
        return HttpResponse(answer.body, content_type=answer.content_type, headers=length)

    def plain(environ: dict[str, Any]) -> Reply | HttpResponse:
        return _answer_or_refuse(Incoming(environ), receive=receive)

    door.plain = plain  # type: ignore[attr-defined]
    return door


@device_door
def checkin(incoming: Incoming) -> Reply:
    return _receive_message(incoming, max_bytes=MAX_CHECKIN)


@device_door
def connect(incoming: Incoming) -> Reply:
    # One app's odd name keeps nothing of all the others; what a check-in tells says who it is.
    return _receive_message(incoming, max_bytes=MAX_RESULT, mends_texts=True)


def _answer_or_refuse(incoming: Incoming, *, receive: Receive) -> Reply | HttpResponse:
    if incoming.environ["REQUEST_METHOD"].upper() != "PUT":
        return HttpResponseNotAllowed(["PUT"])
    try:
        return receive(incoming)
    except (MessageRefused, PlistInvalid, MessageInvalid) as error:
        return _refuse(incoming, error)
    except UserChannelDeclined as error:
        return _build_response(410, str(error))
    except DeclarationMissing as error:
        log.warning("%s", error)
        return _build_response(404, str(error))
    except AnyDatabaseError as error:
        return _try_later("the database does not answer", error)
    except ObjectDoesNotExist as error:  # by its next message it is nobody known
        return _try_later("the device's record was deleted at this moment", error)
    except SecretUnreadable as error:
        return _try_later("a secret in the database cannot be read", error)


def _receive_message(incoming: Incoming, *, max_bytes: int, mends_texts: bool = False) -> Reply:
    """Who has sent it is known before a byte of it is decoded, and stands in what is logged."""
    now = timezone.now()
    body = _read_body(incoming.environ, max_bytes=max_bytes)
    proof = prove_sender(_read_evidence(incoming), content=body)
    try:
        # Nobody is read whose certificate is neither ours nor trusted.
        is_familiar = find_familiar_issuer(proof, now=now) is not None
        certificate = None if is_familiar else identify_sender(proof, now=now)
        message = decode_plist(body, max_bytes=max_bytes, mends_texts=mends_texts)
        if mends_texts and is_checkin(message):
            message = decode_plist(body, max_bytes=max_bytes)
        return _serve(message, incoming=incoming, proof=proof, certificate=certificate, now=now)
    except (MessageRefused, PlistInvalid, MessageInvalid) as error:
        error.fingerprint = proof.fingerprint
        raise


def _serve(
    message: dict[str, Any],
    *,
    incoming: Incoming,
    proof: Proof,
    certificate: IssuedCertificate | None,
    now: datetime,
) -> Reply:
    """Either URL takes either kind: a profile may name one URL for both."""
    if is_checkin(message):
        return receive_checkin(
            decode_checkin(message),
            proof=proof,
            certificate=certificate,
            challenge=incoming.get_challenge(),
            now=now,
            ask_caller=incoming.get_caller,
        )
    command = receive_report(
        decode_report(message),
        proof=proof,
        certificate=certificate,
        now=now,
        ask_caller=incoming.get_caller,
    )
    return Reply(command)


def _read_evidence(incoming: Incoming) -> Evidence:
    """A forwarded client certificate counts where a trusted proxy has written it (D2)."""
    header = settings.CLIENT_CERT_HEADER
    believed = header and is_trusted_proxy(incoming.environ.get("REMOTE_ADDR"))
    forwarded = incoming.get_header(header) if believed else ""
    return Evidence(incoming.get_header("Mdm-Signature"), forwarded)


def _read_body(environ: dict[str, Any], *, max_bytes: int) -> bytes:
    """Raises PlistTooLarge by the announced length, before reading."""
    announced = environ.get("CONTENT_LENGTH") or "0"
    length = int(announced) if announced.isdecimal() else 0
    if length > max_bytes:
        raise PlistTooLarge(f"{length} bytes, at most {max_bytes} are taken")
    try:
        body: bytes = environ["wsgi.input"].read(length)
    except OSError as error:
        raise PlistInvalid("the message broke off") from error
    if len(body) < length:
        raise PlistInvalid(f"the message broke off after {len(body)} of {length} bytes")
    return body


def _refuse(incoming: Incoming, error: Any) -> HttpResponse:
    try:
        report_refusal(
            error,
            path=incoming.request.path,
            caller=incoming.get_caller(),
            challenge=incoming.get_challenge(),
        )
    except AnyDatabaseError as failure:
        return _try_later("a refusal could not be logged", failure)
    if isinstance(error, MessageRefused):
        return _build_response(403, "not trusted")
    return _build_response(413 if isinstance(error, PlistTooLarge) else 400, str(error))


def _try_later(what: str, error: Exception) -> HttpResponse:
    """What no message can do anything about is a line for each; all else is told in full."""
    is_away = isinstance(error, EXPECTED)
    log.error("%s: %s", what, str(error).strip(), exc_info=None if is_away else error)
    response = _build_response(503, "try later")
    response["Retry-After"] = str(RETRY_AFTER)
    return response


def _build_response(status: int, text: str) -> HttpResponse:
    return HttpResponse(f"{text}\n", status=status, content_type="text/plain; charset=utf-8")
