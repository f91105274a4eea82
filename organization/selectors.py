"""Reads of the organization's rows that more than one door needs."""

from organization.errors import NotSetUp
from organization.models import Organization


def get_organization() -> Organization:
    """Return the server's organization; raises NotSetUp before the first-time set-up."""
    organization = Organization.objects.order_by("id").first()
    if organization is None:
        raise NotSetUp("run manage.py bootstrap")
    return organization
