"""People sign in at the organization's identity provider before they enroll.

Nobody becomes an administrator by it and no session of the console begins: what remains is a name
on the enrollment session.
"""

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest

from enrollment.errors import SignInRefused
from enrollment.protocol.person import Person, build_person
from organization.errors import ProviderRefused
from organization.services import identity_provider
from organization.services.identity_provider import Door

DOOR = Door("enroll", "enroll_signed_in")


@dataclass(frozen=True)
class SignedIn:
    """Who has come back, and for which token (its `jti`) and kind of device."""

    person: Person
    token_id: str
    device: str


def can_sign_in() -> bool:
    return identity_provider.has_provider()


def begin_sign_in(request: HttpRequest, *, token_id: str, device: str) -> str:
    """Return the provider's address to send the person to.

    Raises SignInRefused (sign_in_unavailable).
    """
    data = {"token": token_id, "device": device}
    try:
        return identity_provider.begin(request, door=DOOR, data=data)
    except ProviderRefused as error:
        raise SignInRefused(error.code, error.message) from error


def complete_sign_in(request: HttpRequest, *, now: datetime) -> SignedIn:
    """Return who has signed in, as the provider's signed answer says; a state is good once.

    Raises SignInRefused (sign_in_failed, sign_in_unavailable).
    """
    token_id = ""
    try:
        attempt = identity_provider.take_attempt(request, door=DOOR)
        token_id = attempt.data["token"]
        claims = identity_provider.redeem(request, attempt, door=DOOR, now=now)
        person = build_person(claims, issuer=identity_provider.get_issuer())
    except ProviderRefused as error:
        raise SignInRefused(error.code, error.message, token_id=token_id) from error
    return SignedIn(person, token_id, attempt.data["device"])
