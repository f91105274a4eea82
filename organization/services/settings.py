"""What an organization has decided about itself, changed together: all of it or nothing."""

from typing import Any

from django.db import transaction

from organization.models import Organization
from organization.services.branding import remove_logo, set_logo, update_organization
from organization.services.enrollment_stop import resume_enrollments, stop_enrollments


@transaction.atomic
def change_settings(
    organization: Organization,
    *,
    actor: str,
    logo: bytes | None = None,
    removes_logo: bool = False,
    stops: bool | None = None,
    **changes: Any,
) -> Organization:
    """Change what is given, each of it audited; `changes` are update_organization's.

    `logo`: a PNG or JPEG file; without one, `removes_logo` shows GuardMDM's mark again. `stops`:
    whether every new enrollment is refused. Raises LogoRefused, and ValueError for a colour that
    is none.
    """
    row = update_organization(organization, actor=actor, **changes)
    if logo is not None:
        row = set_logo(row, content=logo, actor=actor)
    elif removes_logo:
        row = remove_logo(row, actor=actor)
    if stops is not None:
        row = (stop_enrollments if stops else resume_enrollments)(row, actor=actor)
    return row
