"""`GET /e/<code>`: the short link, for posters and for typing. It changes nothing either."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone

from enrollment.services.short_links import get_linked_token
from enrollment.services.token_texts import build_enrollment_url
from enrollment.views.door import public_door


@public_door("GET", "HEAD")
def follow_short_link(request: HttpRequest, code: str) -> HttpResponse:
    """Lead to the enrollment page; a dead or unknown code gets the page that says why."""
    token = get_linked_token(code, now=timezone.now())
    response = HttpResponseRedirect(build_enrollment_url(token))
    response.status_code = 303
    return response
