"""Who may open a page of the console, and who must prove again that it is still them."""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.authentication import get_authentication_records
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRedirect

from organization.models import RANKS, Administrator, Role, may

View = Callable[..., HttpResponseBase]

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
RECENT = 15 * 60  # seconds: long enough for a row of tokens, short for a forgotten screen


def role_required(
    read: str = Role.AUDITOR, *, write: str = Role.OPERATOR
) -> Callable[[View], View]:
    """Open a view to people of the role `read`, and its unsafe methods to `write` only.

    Nobody goes to the sign-in page, a person of a lower role gets a 403.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return _ask_to_sign_in(request)
            needed = (
                read if request.method in SAFE_METHODS else max(read, write, key=RANKS.__getitem__)
            )
            if not may(request.user, needed):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def _ask_to_sign_in(request: HttpRequest) -> HttpResponseBase:
    if _was_signed_in(request):
        messages.warning(
            request,
            _("You have been signed out: it was too long ago, or your password, your role or "
              "your permission to sign in has changed."),
        )  # fmt: skip
    htmx = getattr(request, "htmx", None)
    if htmx:
        # A partial must not be replaced by a sign-in form: the whole page goes there, and back.
        there = redirect_to_login(htmx.current_url_abs_path or reverse("console:dashboard"))
        return HttpResponseClientRedirect(there.url)
    return redirect_to_login(request.get_full_path())


def _was_signed_in(request: HttpRequest) -> bool:
    """Whether the browser brought a session that is over; whoever signs out takes it along.

    One that has ended in time, or by a change of the account, is empty by now; that of an account
    which may not sign in, or is deleted, still names it.
    """
    session = request.session
    is_over = session.session_key is None or SESSION_KEY in session
    return is_over and bool(request.COOKIES.get(settings.SESSION_COOKIE_NAME))


def recent_sign_in_required(view: View) -> View:
    """Ask for the password or the second factor again unless that was a few minutes ago.

    Afterwards the person is back at the same address by GET: what they had sent is not kept,
    because it may hold a PIN and sessions are stored in clear.
    """

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if _signed_in_recently(request):
            return view(request, *args, **kwargs)
        query = urlencode({"next": request.get_full_path()})
        url = f"{reverse('account_reauthenticate')}?{query}"
        if getattr(request, "htmx", False):
            return HttpResponseClientRedirect(url)
        return HttpResponseRedirect(url)

    return guarded


def _signed_in_recently(request: HttpRequest) -> bool:
    moments = [record["at"] for record in get_authentication_records(request, request.user)]
    return bool(moments) and time.time() - max(moments) < RECENT


def get_actor(request: HttpRequest) -> str:
    """Return the signed-in person's e-mail address, as it stands in the audit log."""
    user = request.user
    if not isinstance(user, Administrator):
        raise PermissionDenied
    return user.email
