"""An enrollment session: opened by the page's button, then asked for its live state."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from enrollment.models import EnrollmentSession, EnrollmentToken, SessionState
from enrollment.protocol.person import Person
from enrollment.protocol.platform import PLATFORMS, Visitor, decode_user_agent
from enrollment.services.profile import check_ready
from enrollment.services.progress import get_session_progress
from enrollment.services.sessions import get_session, is_open, open_session
from enrollment.services.token_texts import verify_bare_token
from enrollment.views.door import prefers_page, public_door
from enrollment.views.page import build_page
from enrollment.views.status import build_state
from organization.services.client_address import get_client_address
from scep.models import HeldRequestState

# Later its id stands in the device's certificate, where others can read it.
SHOWS_PERSON = (SessionState.WAITING, SessionState.PROFILE_DOWNLOADED)
DEVICES = {platform: device for device, platform in PLATFORMS.items()}


@public_door("POST")
def create_session(request: HttpRequest) -> HttpResponse:
    """Take the form field `token`; answer 201 and JSON, or send a browser to the session."""
    now = timezone.now()
    token = verify_bare_token(request.POST.get("token", ""), now=now)
    check_ready(now=now)
    session = open_session_for(request, token=token, is_on_page=True)
    if prefers_page(request):
        url = reverse("enroll_session", args=[session.public_id])
        response: HttpResponse = HttpResponseRedirect(f"{url}?start=1")
        response.status_code = 303
        return response
    return JsonResponse(build_state(session, get_session_progress(session, now=now)), status=201)


@public_door("GET")
def show_session(request: HttpRequest, session_id: str) -> HttpResponse:
    """Answer the live state: JSON, or the page for a browser; `start` begins the download."""
    now = timezone.now()
    session = get_session(session_id)
    state = build_state(session, get_session_progress(session, now=now))
    if not prefers_page(request):
        return JsonResponse(state)
    visitor = _get_visitor(request, session)
    context = build_page(session.token, visitor=visitor, with_link=False)
    is_held = session.approval == HeldRequestState.PENDING
    starts = "start" in request.GET and session.state == SessionState.WAITING and not is_held
    context |= {
        "state": state,
        "starts": starts,
        "can_download": is_open(session, now=now) and not is_held,
        "signed_in_as": _name_person(session),
    }
    return render(request, "enroll/page.html", context)


def open_session_for(
    request: HttpRequest,
    *,
    token: EnrollmentToken,
    is_on_page: bool = False,
    person: Person | None = None,
    device: str = "",
) -> EnrollmentSession:
    """Open a session for whoever sent the request; `device` is what the page knows better."""
    user_agent = request.headers.get("User-Agent", "")
    device = device or request.POST.get("device", "") or request.GET.get("device", "")
    return open_session(
        token,
        platform=decode_user_agent(user_agent, device=device).platform,
        user_agent=user_agent,
        remote_address=get_client_address(request),
        now=timezone.now(),
        is_on_page=is_on_page,
        person=person,
    )


def _name_person(session: EnrollmentSession) -> str:
    """Return who has signed in, as long as nobody but them knows the session's address."""
    is_theirs = session.person_subject and session.state in SHOWS_PERSON
    return session.person.owner if is_theirs else ""


def _get_visitor(request: HttpRequest, session: EnrollmentSession) -> Visitor:
    return decode_user_agent(
        request.headers.get("User-Agent", ""), device=DEVICES.get(session.platform, "")
    )
