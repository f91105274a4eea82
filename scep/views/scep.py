"""The SCEP endpoint of devices: /scep/<SCEP profile id>[/<session id>]?operation=…

The session is where the URL comes from, and tells whoever keeps records whose step this is. It
proves nothing, and nothing is decided by it. It stands in the path since Apple's client appends
its `?operation=` to whatever URL there is.
"""

from collections.abc import Callable
from functools import wraps
from urllib.parse import unquote

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from organization.errors import NotSetUp, RateLimited, SecretUnreadable
from organization.services.client_address import get_caller
from scep.errors import MessageUnreadable, NoNextAuthority
from scep.models import ScepProfile
from scep.protocol.transport import (
    MAX_BODY_BYTES,
    Query,
    decode_message_text,
    decode_query,
)
from scep.selectors import ServedProfile, find_served_profile
from scep.services.ca_certificates import (
    CaCertificates,
    build_ca_certificates,
    build_next_ca_certificates,
    describe_capabilities,
)
from scep.services.challenges import find_session_id
from scep.services.pki_operation import handle_pki_operation
from scep.services.refusals import check_refusals
from scep.signals import scep_asked

RETRY_AFTER_SECONDS = "30"
PKI_MESSAGE = "application/x-pki-message"
Door = Callable[..., HttpResponse]


def _closing_gently(door: Door) -> Door:
    """A device tries again after a 503; any other 5xx ends its enrollment."""

    @wraps(door)
    def guarded(request: HttpRequest, profile_id: str, session_id: str = "") -> HttpResponse:
        try:
            return door(request, profile_id, find_session_id(session_id))
        except (MessageUnreadable, NoNextAuthority) as refusal:
            return _answer_text(str(refusal), status=400)
        except RateLimited as limited:
            response = _answer_text("Too many requests were refused, wait a minute.", status=429)
            response["Retry-After"] = str(limited.retry_after)
            return response
        except (OperationalError, InterfaceError, NotSetUp, SecretUnreadable):
            response = _answer_text("The server is not ready, try again later.", status=503)
            response["Retry-After"] = RETRY_AFTER_SECONDS
            return response

    return guarded


@csrf_exempt
@require_http_methods(["GET", "POST"])
@_closing_gently
def scep(request: HttpRequest, profile_id: str, session_id: str = "") -> HttpResponse:
    """Answer one SCEP operation of the profile `scep_…` (RFC 8894 section 4)."""
    query = decode_query(request.META.get("QUERY_STRING", ""))
    served = find_served_profile(profile_id, now=timezone.now())
    if served is None:
        return _answer_text("There is no such SCEP profile.", status=404)
    answer = OPERATIONS.get(query.operation)
    if answer is None:
        return _answer_text("This SCEP operation is not offered here.", status=400)
    response = answer(request, served, query, session_id)
    if session_id and query.operation in READING:
        # Robust: a record that fails is no reason to refuse a device.
        scep_asked.send_robust(
            sender=ScepProfile,
            session_id=session_id,
            operation=query.operation,
            caller=get_caller(request),
            now=timezone.now(),
        )
    return response


def _get_capabilities(
    request: HttpRequest, served: ServedProfile, query: Query, session_id: str
) -> HttpResponse:
    return _answer_text(describe_capabilities(served.profile))


def _get_certificates(
    request: HttpRequest, served: ServedProfile, query: Query, session_id: str
) -> HttpResponse:
    name = unquote(query.message)
    certificates = build_ca_certificates(served.profile, name=name, now=timezone.now())
    return _answer_certificates(certificates)


def _get_next(
    request: HttpRequest, served: ServedProfile, query: Query, session_id: str
) -> HttpResponse:
    return _answer_certificates(build_next_ca_certificates(served.profile))


def _pki_operation(
    request: HttpRequest, served: ServedProfile, query: Query, session_id: str
) -> HttpResponse:
    caller = get_caller(request)
    check_refusals(caller.address)
    if request.method == "POST":
        data = request.read(MAX_BODY_BYTES + 1)
        if len(data) > MAX_BODY_BYTES:
            return _answer_text("The SCEP message is larger than 64 KB.", status=413)
    else:
        data = decode_message_text(query.message)
    reply = handle_pki_operation(
        data,
        scep_profile=served.profile,
        served=served,
        now=timezone.now(),
        remote_address=caller.address,
        session_id=session_id,
        caller=caller,
    )
    # Without its length it would be sent in chunks, which the simplest SCEP clients do not read.
    length = {"Content-Length": str(len(reply))}
    return HttpResponse(reply, content_type=PKI_MESSAGE, headers=length)


def _answer_certificates(certificates: CaCertificates) -> HttpResponse:
    return HttpResponse(certificates.body, content_type=certificates.content_type)


def _answer_text(text: str, *, status: int = 200) -> HttpResponse:
    return HttpResponse(text, content_type="text/plain; charset=utf-8", status=status)


READING = ("GetCACaps", "GetCACert")
OPERATIONS = {
    "GetCACaps": _get_capabilities,
    "GetCACert": _get_certificates,
    "GetNextCACert": _get_next,
    "PKIOperation": _pki_operation,
}
