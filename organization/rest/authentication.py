"""Who asks: a program with an API key. A person's session and an enrollment token are nobody."""

from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from organization.errors import ApiKeyInvalid
from organization.models import ApiKey
from organization.services.api_keys import verify_api_key

SCHEME = "Bearer"


@dataclass(frozen=True)
class Program:
    """The caller behind an API key."""

    key: ApiKey

    is_authenticated = True

    @property
    def role(self) -> str:
        return self.key.role

    def __str__(self) -> str:
        return f"key:{self.key.name}"


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer gmk_…`."""

    def authenticate(self, request: Request) -> tuple[Any, ApiKey] | None:
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != SCHEME.lower():
            return None
        try:
            key = verify_api_key(text.strip(), now=timezone.now())
        except ApiKeyInvalid as error:
            raise AuthenticationFailed(str(error)) from error
        return Program(key), key

    def authenticate_header(self, request: Request) -> str:
        return SCHEME


def get_actor(request: Request) -> str:
    """Return `key:<name>`, as it stands in the audit log."""
    return str(request.user)
