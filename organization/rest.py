"""What every REST collection shares: who asks, what they may do, how lists are cut into pages."""

from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.pagination import CursorPagination
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from organization.errors import ApiKeyInvalid
from organization.models import ApiKey, Role
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


class RolePermission(BasePermission):
    """Auditors read; operators also write, except where a view's `write_role` asks for more."""

    def has_permission(self, request: Request, view: Any) -> bool:
        role = getattr(request.user, "role", None)
        if role == Role.ADMINISTRATOR or (role and request.method in SAFE_METHODS):
            return True
        return role == Role.OPERATOR and getattr(view, "write_role", role) == Role.OPERATOR


class PublicCursorPagination(CursorPagination):
    """`?cursor=…&page_size=1…200`; newest first unless the view orders otherwise."""

    page_size_query_param = "page_size"
    max_page_size = 200
    ordering = "-id"


def get_actor(request: Request) -> str:
    """Return `key:<name>`, as it stands in the audit log."""
    return str(request.user)
