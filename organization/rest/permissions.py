"""What a caller may do, by role."""

from typing import Any

from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from organization.models import Role, may


class RolePermission(BasePermission):
    """Auditors read, operators also write, where the view does not ask for more."""

    def has_permission(self, request: Request, view: Any) -> bool:
        needed = get_needed_role(request.method, view)
        self.message = f"This needs the role {needed}."
        return has_role(request, needed)


def has_role(request: Request, needed: str) -> bool:
    return may(request.user, needed)


def require_role(request: Request, needed: str, *, what: str) -> None:
    """Raise PermissionDenied unless the caller has the role that `what` takes."""
    if not has_role(request, needed):
        raise PermissionDenied(f"{what} needs the role {needed}.")


def get_needed_role(method: str | None, view: Any) -> Role:
    """Return the least role that the view wants for its action, else for the method."""
    action_roles: dict[str, Role] = getattr(view, "action_roles", {})
    if (action := getattr(view, "action", None)) in action_roles:
        return action_roles[action]
    if method in SAFE_METHODS:
        return getattr(view, "read_role", Role.AUDITOR)
    return getattr(view, "write_role", Role.OPERATOR)
