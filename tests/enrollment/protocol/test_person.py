"""Who an identity provider's claims name."""

from typing import Any

import pytest

from enrollment.protocol.person import Person, build_person
from organization.errors import ProviderRefused

ISSUER = "https://id.example.com"


@pytest.mark.parametrize(
    ("claims", "person"),
    [
        (
            {"sub": "7", "name": "Ann Lee", "email": "ann@example.com", "email_verified": True},
            Person("Ann Lee", "ann@example.com", f"{ISSUER}#7"),
        ),
        (
            {"sub": "7", "given_name": "Ann", "family_name": "Lee", "email": "a@b.example"},
            Person("Ann Lee", "a@b.example", f"{ISSUER}#7"),
        ),
        (
            {"sub": "7", "name": "Ann", "email": "boss@example.com", "email_verified": False},
            Person("Ann", "", f"{ISSUER}#7"),
        ),
        ({"sub": "7", "name": "A\r\nB", "email": 7}, Person("", "", f"{ISSUER}#7")),
    ],
)
def test_person_is_who_the_claims_name(claims: dict[str, Any], person: Person) -> None:
    assert build_person(claims, issuer=ISSUER) == person


@pytest.mark.parametrize("subject", ["", None, 7, "x" * 256, "a\0b"])
def test_person_is_refused_when_nobody_is_named(subject: Any) -> None:
    with pytest.raises(ProviderRefused):
        build_person({"sub": subject}, issuer=ISSUER)
