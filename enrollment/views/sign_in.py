"""`/enroll/sign-in`: to the identity provider and back, before an enrollment session is opened."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from enrollment.protocol.platform import PLATFORMS
from enrollment.services.log import write_entry
from enrollment.services.profile import check_ready
from enrollment.services.sign_in import begin_sign_in, complete_sign_in
from enrollment.services.token_texts import verify_bare_token
from enrollment.services.tokens import get_active_token
from enrollment.views.door import public_door, refuse_prefetch
from enrollment.views.sessions import open_session_for

SECONDS = 15 * 60


@public_door("GET")
def start_sign_in(request: HttpRequest) -> HttpResponse:
    """Send the person to the provider: by a link, for a form's redirect is held back by CSP."""
    if refusal := refuse_prefetch(request):
        return refusal
    now = timezone.now()
    token = verify_bare_token(request.GET.get("token", ""), now=now)
    check_ready(now=now)
    device = request.GET.get("device", "")
    if not request.user.is_authenticated:
        request.session.set_expiry(SECONDS)  # for the way there and back, and no longer
    return HttpResponseRedirect(
        begin_sign_in(request, token_id=token.jti, device=device if device in PLATFORMS else "")
    )


@public_door("GET")
def take_signed_in(request: HttpRequest) -> HttpResponse:
    """Open the session of the person who comes back, and show its page; the cookie has done."""
    now = timezone.now()
    signed_in = complete_sign_in(request, now=now)
    if not request.user.is_authenticated:
        request.session.flush()
    token = get_active_token(signed_in.token_id, now=now)
    session = open_session_for(
        request, token=token, person=signed_in.person, device=signed_in.device, is_on_page=True
    )
    write_entry("person_signed_in", message=signed_in.person.owner, session=session)
    response = HttpResponseRedirect(
        f"{reverse('enroll_session', args=[session.public_id])}?start=1"
    )
    response.status_code = 303
    return response
