"""The REST interface's ground: who asks, what they may do, pages, errors; this app's collections.

This package imports no view (settings name classes in it, and views read those settings).
"""

from organization.rest.authentication import ApiKeyAuthentication, Program, get_actor
from organization.rest.pagination import PublicCursorPagination
from organization.rest.permissions import RolePermission

__all__ = [
    "ApiKeyAuthentication",
    "Program",
    "PublicCursorPagination",
    "RolePermission",
    "get_actor",
]
