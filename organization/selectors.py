"""Reads of the organization's rows that more than one door needs."""

from organization.errors import NotSetUp
from organization.models import Organization, PreparedSelect

FIRST_ORGANIZATION = PreparedSelect(lambda: Organization.objects.order_by("id")[:1])


def get_organization() -> Organization:
    """Return the server's organization; raises NotSetUp before the first-time set-up."""
    organization = FIRST_ORGANIZATION.first()
    if organization is None:
        raise NotSetUp("run manage.py bootstrap")
    return organization
