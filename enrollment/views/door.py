"""The border of every public door: rate, refusals, their pages, and headers."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext

from enrollment.errors import EnrollmentRefused, NotReady
from enrollment.protocol.funnel.words import find_way_on
from enrollment.protocol.log_codes import get_log_code
from enrollment.services.log import write_entry
from organization.errors import NotSetUp, RateLimited
from organization.selectors import get_organization
from organization.services.client_address import get_client_address, name_site
from organization.services.rate_limit import check_rate

SHORT_LINK = "/e/"
# Only refusals are counted: one address may be a whole school behind its router, all with
# good tokens. Past the limit an address guesses or floods the log, and both end here.
REFUSAL_LIMIT, RATE_SECONDS = 120, 60
GONE = 410
STATUS = {
    "token_malformed": 400,
    "token_signature_invalid": 403,
    "token_unknown": 403,
    "session_unknown": 404,
    "short_link_unknown": 404,
    "approval_pending": 403,
    "enrollment_rejected": 403,
    "sign_in_required": 403,
    "sign_in_failed": 403,
    "sign_in_unavailable": 503,
}
# Fetch's Sec-Purpose, what browsers sent before it, and Firefox's of old.
PREFETCH_HEADERS = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")

View = Callable[..., HttpResponse]


def public_door(*methods: str) -> Callable[[View], View]:
    """Open a view to people: other methods 405, refusals their page, too many of them 429."""

    def decorate(view: View) -> View:
        @wraps(view)
        def door(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method not in methods:
                return HttpResponseNotAllowed(methods)
            response = _enter(view, request, *args, **kwargs)
            response["Cache-Control"] = "no-store"
            response["Referrer-Policy"] = "no-referrer"
            patch_vary_headers(response, ["Accept"])
            return response

        door.csrf_exempt = True  # type: ignore[attr-defined]  # the token is the authority
        return door

    return decorate


def _enter(view: View, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    try:
        return view(request, *args, **kwargs)
    except NotSetUp as error:
        return answer_refusal(request, NotReady(error.code, str(error)))
    except EnrollmentRefused as error:
        return answer_refusal(request, error)


def answer_refusal(request: HttpRequest, error: EnrollmentRefused) -> HttpResponse:
    """Log the refusal and say it with cause and fix: JSON where asked for, else a page."""
    try:
        record_refusal(request, error)
    except RateLimited as limited:
        return _answer_rate_limited(request, limited)
    status = 503 if isinstance(error, NotReady) else STATUS.get(error.code, GONE)
    return _answer(request, build_refusal(error.code), advice=advise(error.code), status=status)


def record_refusal(request: HttpRequest, error: EnrollmentRefused, *, session_id: str = "") -> None:
    """Count the refusal and log it; raises RateLimited, unlogged, past what an address may have."""
    address = get_client_address(request)
    check_rate(f"enroll:{name_site(address)}", limit=REFUSAL_LIMIT, seconds=RATE_SECONDS)
    write_entry(
        error.code,
        message=error.message,
        session_id=session_id,
        token_id=error.token_id,
        remote_address=address,
        detail={
            "path": _hide_code(request.path),
            "user_agent": request.headers.get("User-Agent", "")[:300],
        },
    )


def _hide_code(path: str) -> str:
    """A mistyped short link is close to one that works."""
    return SHORT_LINK if path.startswith(SHORT_LINK) else path


def advise(code: str) -> str:
    """Return what the person can do, by themselves or with whom, in the visitor's language."""
    return gettext(find_way_on(code))


def build_refusal(code: str) -> dict[str, str]:
    """Return the code with its texts in the visitor's language."""
    entry = get_log_code(code)
    texts = {"title": entry.title, "cause": entry.cause, "resolution": entry.resolution}
    headline = entry.headline or entry.title
    return {
        "code": code,
        "headline": gettext(headline),
        **{name: gettext(text) if text else "" for name, text in texts.items()},
    }


def find_organization_context() -> dict[str, Any]:
    """Return what every page shows of the organization; nothing before the set-up."""
    try:
        return {"organization": get_organization()}
    except NotSetUp:
        return {"organization": None}


def refuse_prefetch(request: HttpRequest) -> HttpResponse | None:
    """Return a 503 for what a browser fetches ahead: it asks again once the person does."""
    purposes = (request.headers.get(name, "") for name in PREFETCH_HEADERS)
    if not any("prefetch" in purpose.lower() for purpose in purposes):
        return None
    return HttpResponse(status=503, headers={"Retry-After": "0"})


def prefers_page(request: HttpRequest) -> bool:
    """Whether a browser asks, and not a script or a program."""
    return "text/html" in request.headers.get("Accept", "")


def _answer_rate_limited(request: HttpRequest, error: RateLimited) -> HttpResponse:
    advice = gettext("Wait a minute and try again.")
    refusal = {
        "code": "rate_limited",
        "headline": gettext("Too many requests"),
        "title": gettext("Too many requests"),
        "cause": gettext("Too many requests from this network were refused."),
        "resolution": advice,
    }
    response = _answer(request, refusal, advice=advice, status=429)
    response["Retry-After"] = str(error.retry_after)
    return response


def _answer(
    request: HttpRequest, refusal: dict[str, str], *, advice: str, status: int
) -> HttpResponse:
    if "application/json" in request.headers.get("Accept", ""):
        return JsonResponse(refusal, status=status)
    context = {"refusal": refusal, "advice": advice} | find_organization_context()
    return render(request, "enroll/refused.html", context, status=status)
