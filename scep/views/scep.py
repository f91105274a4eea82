"""The SCEP endpoint of devices: /scep/<SCEP profile id>[/<session id>]?operation=…

The session is where the URL comes from, and tells whoever keeps records whose step this is. It
proves nothing, and nothing is decided by it. It stands in the path since Apple's client appends
its `?operation=` to whatever URL there is.

What cannot be read is logged and counted, wherever its reading ends; a GET that asks for nothing is
not: so browsers, link previews and health checks look whether there is a server.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from django.db import IntegrityError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from organization.errors import NotSetUp, RateLimited, SecretUnreadable
from organization.services.client_address import read_caller
from scep.errors import MessageTooLarge, MessageUnreadable, NoNextAuthority, NothingAsked
from scep.models import ScepProfile
from scep.protocol.answer import Answer
from scep.protocol.transport import (
    MAX_BODY_BYTES,
    Query,
    check_operation,
    decode_message_text,
    decode_query,
)
from scep.selectors import ServedProfile, find_served_profile
from scep.services.ca_certificates import (
    build_ca_certificates,
    build_next_ca_certificates,
    describe_capabilities,
)
from scep.services.challenges import find_session_id
from scep.services.pki_operation import handle_pki_operation
from scep.services.refusals import check_refusals, report_refusal
from scep.signals import scep_asked

RETRY_AFTER_SECONDS = "30"
METHODS = ("GET", "POST")
NO_PROFILE = "There is no such SCEP profile."
PLAIN_TEXT = "text/plain; charset=utf-8"
PKI_MESSAGE = "application/x-pki-message"
Environ = dict[str, Any]


@csrf_exempt
def scep(request: HttpRequest, profile_id: str, session_id: str = "") -> HttpResponse:
    """Answer one SCEP operation of the profile `scep_…` (RFC 8894 section 4)."""
    answer = answer_plainly(request.META, profile_id, session_id)
    if isinstance(answer, HttpResponse):
        return answer
    # Without its length it would be sent in chunks, which the simplest SCEP clients do not read.
    length = {"Content-Length": str(len(answer.body))}
    return HttpResponse(answer.body, content_type=answer.content_type, headers=length)


def answer_plainly(
    environ: Environ, profile_id: str, session_id: str = ""
) -> Answer | HttpResponse:
    """Do the same for WSGI's environ, without Django's request (guardmdm.machine_door).

    A device tries again after a 503; any other 5xx ends its enrollment.
    """
    if environ["REQUEST_METHOD"] not in METHODS:
        return HttpResponseNotAllowed(METHODS)
    try:
        return _answer(environ, profile_id, find_session_id(session_id))
    except MessageTooLarge as refusal:
        return _refuse(str(refusal), status=413)
    except (MessageUnreadable, NoNextAuthority, NothingAsked) as refusal:
        return _refuse(str(refusal), status=400)
    except RateLimited as limited:
        response = _refuse("Too many requests were refused, wait a minute.", status=429)
        response["Retry-After"] = str(limited.retry_after)
        return response
    except IntegrityError:
        # Was it deleted while it was asked?
        if ScepProfile.objects.filter(public_id=profile_id).exists():
            raise
        return _refuse(NO_PROFILE, status=404)
    except (OperationalError, InterfaceError, NotSetUp, SecretUnreadable):
        response = _refuse("The server is not ready, try again later.", status=503)
        response["Retry-After"] = RETRY_AFTER_SECONDS
        return response


scep.plain = answer_plainly  # type: ignore[attr-defined]


def _answer(environ: Environ, profile_id: str, session_id: str) -> Answer | HttpResponse:
    served = find_served_profile(profile_id, now=timezone.now())
    if served is None:
        return _refuse(NO_PROFILE, status=404)
    try:
        return _operate(environ, served, session_id)
    except MessageUnreadable as refusal:
        caller = read_caller(environ)
        check_refusals(caller.address)
        report_refusal(
            refusal,
            scep_profile=served.profile,
            caller=caller,
            session_id=session_id,
        )
        raise


def _operate(environ: Environ, served: ServedProfile, session_id: str) -> Answer:
    query = decode_query(environ.get("QUERY_STRING", ""))
    check_operation(query, OPERATIONS, is_get=environ["REQUEST_METHOD"] == "GET")
    answer = OPERATIONS[query.operation](environ, served, query, session_id)
    if session_id and query.operation in READING:
        # Robust: a record that fails is no reason to refuse a device.
        scep_asked.send_robust(
            sender=ScepProfile,
            session_id=session_id,
            operation=query.operation,
            caller=read_caller(environ),
            now=timezone.now(),
        )
    return answer


def _get_capabilities(
    environ: Environ, served: ServedProfile, query: Query, session_id: str
) -> Answer:
    return Answer(describe_capabilities(served.profile).encode(), PLAIN_TEXT)


def _get_certificates(
    environ: Environ, served: ServedProfile, query: Query, session_id: str
) -> Answer:
    return build_ca_certificates(served.profile, name=unquote(query.message), now=timezone.now())


def _get_next(environ: Environ, served: ServedProfile, query: Query, session_id: str) -> Answer:
    return build_next_ca_certificates(served.profile)


def _pki_operation(
    environ: Environ, served: ServedProfile, query: Query, session_id: str
) -> Answer:
    caller = read_caller(environ)
    check_refusals(caller.address)
    is_post = environ["REQUEST_METHOD"] == "POST"
    reply = handle_pki_operation(
        _read_body(environ) if is_post else decode_message_text(query.message),
        scep_profile=served.profile,
        served=served,
        now=timezone.now(),
        session_id=session_id,
        caller=caller,
    )
    return Answer(reply, PKI_MESSAGE)


def _read_body(environ: Environ) -> bytes:
    length = _read_length(environ)
    if length > MAX_BODY_BYTES:
        raise MessageTooLarge("the SCEP message is larger than 64 KB")
    body = bytes(environ["wsgi.input"].read(length))
    if len(body) < length:
        raise MessageUnreadable(f"the connection ended after {len(body)} of {length} bytes")
    return body


def _read_length(environ: Environ) -> int:
    announced = environ.get("CONTENT_LENGTH") or "0"
    return int(announced) if announced.isdecimal() else 0


def _refuse(text: str, *, status: int) -> HttpResponse:
    return HttpResponse(text, content_type=PLAIN_TEXT, status=status)


READING = ("GetCACaps", "GetCACert")
OPERATIONS: dict[str, Callable[..., Answer]] = {
    "GetCACaps": _get_capabilities,
    "GetCACert": _get_certificates,
    "GetNextCACert": _get_next,
    "PKIOperation": _pki_operation,
}
