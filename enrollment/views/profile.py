"""The signed enrollment profile, by session or by token."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from enrollment.protocol.platform import is_preview
from enrollment.services.profile import check_ready, hand_out_profile
from enrollment.services.sessions import get_session
from enrollment.services.token_texts import verify_bare_token
from enrollment.views.door import public_door, refuse_prefetch
from enrollment.views.sessions import open_session_for
from organization.services.client_address import get_caller

CONTENT_TYPE = "application/x-apple-aspen-config"


@public_door("GET")
def download_session_profile(request: HttpRequest, session_id: str) -> HttpResponse:
    """Answer the session's profile: each time the same one, with a fresh challenge."""
    if refusal := refuse_prefetch(request):
        return refusal
    return build_attachment(
        hand_out_profile(get_session(session_id), now=timezone.now(), caller=get_caller(request)),
        name="enroll.mobileconfig",
    )


@public_door("GET")
def download_profile(request: HttpRequest) -> HttpResponse:
    """Open a session with `token` and answer its profile, for scripts and plain links.

    What only looks behind the link opens none: a browser that fetches ahead gets a 503, a
    messenger's preview the page that is made for looking.
    """
    if refusal := refuse_prefetch(request):
        return refusal
    if is_preview(request.headers.get("User-Agent", "")):
        return HttpResponseRedirect(f"{reverse('enroll')}?{request.GET.urlencode()}")
    now = timezone.now()
    token = verify_bare_token(request.GET.get("token", ""), now=now)
    check_ready(now=now)
    session = open_session_for(request, token=token)
    response = build_attachment(
        hand_out_profile(get_session(session.public_id), now=now, caller=get_caller(request)),
        name="enroll.mobileconfig",
    )
    response["X-Enrollment-Session"] = session.public_id
    return response


def build_attachment(
    content: bytes, *, name: str, content_type: str = CONTENT_TYPE
) -> HttpResponse:
    return HttpResponse(
        content,
        content_type=content_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
