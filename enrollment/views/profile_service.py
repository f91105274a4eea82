"""`POST /enroll/profile-service/<session>`: what devices send in the Profile Service's phases.

Answers: 200 with a profile, 400 malformed, 403 not trusted, 404 unknown, 410 over, 413 too large,
429 too often, 503 not set up. Never 401, at which a device asks for a password.
"""

from functools import wraps

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, UnreadablePostError
from django.utils import timezone

from enrollment.errors import EnrollmentRefused, NotReady, ProfileServiceRefused
from enrollment.protocol.device_attributes import MALFORMED
from enrollment.services.profile_service import MAX_MESSAGE, answer_phase
from enrollment.views.door import GONE, STATUS, View, record_refusal
from enrollment.views.profile import CONTENT_TYPE
from organization.errors import NotSetUp, RateLimited
from organization.services.client_address import get_caller

RETRY_AFTER = "60"
TOO_LARGE, NOT_TRUSTED, NOT_READY = 413, 403, 503
# What has come to its end, unlike what was never right.
OVER = (
    "group_missing",
    "token_expired",
    "token_exhausted",
    "token_revoked",
    "session_expired",
    "session_used",
)


class MessageTooLarge(ProfileServiceRefused):
    """More bytes than a device sends."""


def device_door(view: View) -> View:
    """Only POST, no CSRF token, and every refusal in words and one entry in the log."""

    @wraps(view)
    def door(request: HttpRequest, session_id: str) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        try:
            response = view(request, session_id)
        except NotSetUp as error:
            refusal = NotReady(error.code, str(error))
            response = _refuse(request, refusal, session_id=session_id)
        except EnrollmentRefused as error:
            response = _refuse(request, error, session_id=session_id)
        response["Cache-Control"] = "no-store"
        return response

    door.csrf_exempt = True  # type: ignore[attr-defined]  # the signature is the authority
    return door


@device_door
def answer_profile_service(request: HttpRequest, session_id: str) -> HttpResponse:
    """Take a signed property list; answer the profile that the device is to install next."""
    profile = answer_phase(
        session_id, message=_read_body(request), now=timezone.now(), caller=get_caller(request)
    )
    return HttpResponse(
        profile, content_type=CONTENT_TYPE, headers={"Content-Length": str(len(profile))}
    )


def _read_body(request: HttpRequest) -> bytes:
    """Raises MessageTooLarge by the announced length, before reading, or by the real one."""
    announced = request.META.get("CONTENT_LENGTH") or "0"
    refusal = MessageTooLarge(MALFORMED, f"more than {MAX_MESSAGE} bytes")
    if announced.isdecimal() and int(announced) > MAX_MESSAGE:
        raise refusal
    try:
        body = request.body
    except RequestDataTooBig as error:
        raise refusal from error
    except UnreadablePostError as error:
        raise ProfileServiceRefused(MALFORMED, "the message broke off") from error
    if announced.isdecimal() and len(body) < int(announced):
        raise ProfileServiceRefused(MALFORMED, "the message broke off")
    if len(body) > MAX_MESSAGE:
        raise refusal
    return body


def _refuse(request: HttpRequest, error: EnrollmentRefused, *, session_id: str) -> HttpResponse:
    try:
        record_refusal(request, error, session_id=session_id)
    except RateLimited as limited:
        response = _answer(429, "too many requests were refused, wait a minute")
        response["Retry-After"] = str(limited.retry_after)
        return response
    status = _get_status(error)
    response = _answer(status, error.code)
    if status == NOT_READY:
        response["Retry-After"] = RETRY_AFTER
    return response


def _get_status(error: EnrollmentRefused) -> int:
    if isinstance(error, NotReady):
        return NOT_READY
    if isinstance(error, MessageTooLarge):
        return TOO_LARGE
    if error.code in OVER:
        return GONE
    return STATUS.get(error.code, 400 if error.code == MALFORMED else NOT_TRUSTED)


def _answer(status: int, text: str) -> HttpResponse:
    return HttpResponse(f"{text}\n", status=status, content_type="text/plain; charset=utf-8")
