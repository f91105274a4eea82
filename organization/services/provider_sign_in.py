"""Administrators sign in, and prove again who they are, at the identity provider.

It opens accounts that exist and nobody else's: the one that is connected with the person there,
by a subject that never changes, or at first the one whose address the provider has verified.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from allauth.account.internal.flows.login import record_authentication
from allauth.account.internal.flows.reauthentication import STATE_SESSION_KEY
from allauth.account.utils import perform_login
from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare, salted_hmac

from organization.errors import ProviderRefused, SignInRefused
from organization.models import Administrator
from organization.protocol.id_token import LEEWAY, build_subject, read_text
from organization.services import audit, identity_provider
from organization.services.identity_provider import Attempt, Door

DOOR = Door("console", "provider-signed-in")
METHOD = "identity_provider"
SIGN_IN, AGAIN, CONNECT = "sign-in", "again", "connect"
# Whoever proves something again does so now, whatever session the provider still has.
ASKS_AGAIN = {"prompt": "login", "max_age": "0"}
MAX_EMAIL = 254


@dataclass(frozen=True)
class Returned:
    """Who came back, for what (`purpose`), and where they wanted to go."""

    administrator: Administrator
    purpose: str
    next_url: str
    proven_at: float


def can_sign_in() -> bool:
    """Whether administrators may sign in at the provider; GUARDMDM_OIDC_CONSOLE says so."""
    return bool(settings.OIDC_CONSOLE) and identity_provider.has_provider()


def begin(request: HttpRequest, *, purpose: str, next_url: str = "") -> str:
    """Return the provider's address; raises ProviderRefused (sign_in_unavailable)."""
    if not can_sign_in():
        raise ProviderRefused("sign_in_unavailable", "administrators do not sign in there")
    data = {"purpose": purpose, "next": next_url, "at": time.time(), "user": request.user.pk}
    asks = {} if purpose == SIGN_IN else ASKS_AGAIN
    return identity_provider.begin(request, door=DOOR, data=data, asks=asks)


def complete(request: HttpRequest, *, now: datetime) -> Returned:
    """Return whose proof the provider's answer is; what it was to prove is then noted.

    Raises ProviderRefused, and SignInRefused where it proves somebody who may not come in.
    """
    if not can_sign_in():
        raise ProviderRefused("sign_in_unavailable", "administrators do not sign in there")
    attempt = identity_provider.take_attempt(request, door=DOOR)
    try:
        claims = identity_provider.redeem(request, attempt, door=DOOR, now=now)
        subject = build_subject(claims, issuer=identity_provider.get_issuer())
        return _admit(request, attempt, claims, subject=subject, now=now)
    except ProviderRefused as error:
        _note_refusal(_name_user(request) or settings.OIDC_NAME, reason=error.message)
        raise
    except SignInRefused as error:
        _note_refusal(error.who or subject, reason=error.message)
        raise


def sign_in(request: HttpRequest, returned: Returned) -> HttpResponse:
    """Begin the session, or ask for the second factor that this account has here."""
    record_authentication(request, returned.administrator, method=METHOD, at=returned.proven_at)
    response: HttpResponse = perform_login(
        request, returned.administrator, redirect_url=returned.next_url or None
    )
    return response


def note_proof(request: HttpRequest, returned: Returned) -> None:
    """The signed-in person has proven just now that it is still them."""
    request.session.pop(STATE_SESSION_KEY, None)
    record_authentication(request, returned.administrator, method=METHOD, reauthenticated=True)


def build_check(request: HttpRequest) -> str:
    """Return what a link must carry that connects: no other site can make this browser do it."""
    key = request.session.session_key or ""
    return salted_hmac("organization.provider_sign_in.connect", key).hexdigest()


def is_own_link(request: HttpRequest, check: str) -> bool:
    return constant_time_compare(check, build_check(request))


def _admit(
    request: HttpRequest,
    attempt: Attempt,
    claims: Mapping[str, Any],
    *,
    subject: str,
    now: datetime,
) -> Returned:
    purpose, next_url = attempt.data["purpose"], attempt.data["next"]
    moment = read_moment(claims, now=now)
    if purpose == SIGN_IN:
        administrator = find_administrator(claims, subject=subject)
        return Returned(administrator, purpose, next_url, moment)
    user = request.user
    if not isinstance(user, Administrator) or user.pk != attempt.data["user"]:
        raise SignInRefused("other_person", "somebody else was signed in when it began")
    if purpose == CONNECT:
        _connect(user, subject=subject, by="own session")
    elif user.provider_subject != subject:
        raise SignInRefused("other_person", f"signed in there as {subject}", who=user.email)
    elif moment < attempt.data["at"] - LEEWAY:
        message = "the provider did not ask again, or does not say when it did (auth_time)"
        raise SignInRefused("not_recent", message, who=user.email)
    return Returned(user, purpose, next_url, moment)


def read_moment(claims: Mapping[str, Any], *, now: datetime) -> float:
    """Return when the provider saw the person (`auth_time`), 0 where it does not say."""
    moment = claims.get("auth_time")
    if isinstance(moment, bool) or not isinstance(moment, int | float) or not moment >= 0:
        return 0.0
    return float(min(moment, now.timestamp()))


def find_administrator(claims: Mapping[str, Any], *, subject: str) -> Administrator:
    """Return the account that this person opens, connected from now on; raises SignInRefused.

    An account that is connected already is no longer found by its address: at the provider, that
    may be given to somebody else.
    """
    email = _read_verified_email(claims)
    found = Administrator.objects.filter(provider_subject=subject).first()
    if found is None and email:
        found = Administrator.objects.filter(email=email).first()
    who = found.email if found else email
    if found is None:
        reason = "nobody here has this address" if email else "no verified address"
        raise SignInRefused("no_account", reason, who=who)
    if not found.is_active:
        raise SignInRefused("not_active", "the account may not sign in", who=who)
    if found.provider_subject != subject:
        _connect(found, subject=subject, by="verified address")
    return found


def _read_verified_email(claims: Mapping[str, Any]) -> str:
    """Return the address in small letters, "" unless the provider says that it is the person's.

    Outside of ASCII letters are alike that are not the same, so that no account is found by them.
    """
    email = read_text(claims, "email", limit=MAX_EMAIL)
    is_verified = claims.get("email_verified") in (True, "true")
    return email.lower() if is_verified and email.isascii() and "@" in email else ""


def _connect(administrator: Administrator, *, subject: str, by: str) -> None:
    free = Administrator.objects.filter(pk=administrator.pk, provider_subject="")
    try:
        with transaction.atomic():
            if not free.update(provider_subject=subject):
                message = f"the account is connected with somebody else there, not {subject}"
                raise SignInRefused("connected_otherwise", message, who=administrator.email)
            audit.record(
                administrator.email,
                action="administrator.connect_provider",
                subject_id=administrator.public_id,
                subject=administrator.email,
                detail={"subject": subject, "by": by},
            )
    except IntegrityError as error:
        message = f"{subject} opens another account"
        raise SignInRefused("connected_otherwise", message, who=administrator.email) from error
    administrator.provider_subject = subject


def _note_refusal(who: str, *, reason: str) -> None:
    audit.record(who, action="sign_in.failed", detail={"by": METHOD, "reason": reason})


def _name_user(request: HttpRequest) -> str:
    return getattr(request.user, "email", "")
