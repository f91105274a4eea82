"""Who holds the device: the person whom an invitation or a sign-in names."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from organization.protocol.id_token import build_subject, read_text

MAX_NAME, MAX_EMAIL = 200, 200


@dataclass(frozen=True)
class Person:
    """`subject` is what an identity provider calls this person for ever; "" = not signed in."""

    name: str = ""
    email: str = ""
    subject: str = ""

    @property
    def owner(self) -> str:
        """What a device's owner is: the address, else the name, else the subject."""
        return (self.email or self.name or self.subject)[:MAX_NAME]


def build_person(claims: Mapping[str, Any], *, issuer: str) -> Person:
    """Return who has signed in; an address that the provider calls unverified is left out.

    Raises ProviderRefused where the claims name nobody.
    """
    subject = build_subject(claims, issuer=issuer)
    given = (read_text(claims, part, limit=MAX_NAME) for part in ("given_name", "family_name"))
    name = read_text(claims, "name", limit=MAX_NAME) or " ".join(filter(None, given))
    email = read_text(claims, "email", limit=MAX_EMAIL)
    if claims.get("email_verified", True) not in (True, "true") or "@" not in email:
        email = ""
    return Person(name[:MAX_NAME], email, subject)
