"""What every request to a SCEP profile of this server depends on, in one statement.

The statement names keys and certificates by their fingerprint and does not fetch them: whatever
has a fingerprint has for ever the one certificate, and the one key that belongs to it.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from django.db import models

from organization.errors import NotSetUp
from organization.models import Given, Organization, PreparedSelect
from organization.protocol.public_id import is_public_id
from scep.models import ScepProfile, ScepServerType, ServiceCertificate
from scep.selectors.services import ServiceIdentity, get_identity, select_registration_authorities

# What concerns external servers only; nobody changes rows of these two while they are in use.
EXTERNAL_FIELDS = (
    *("external_url", "ca_name", "ca_fingerprint", "hook_type", "hook_url", "hook_username"),
    *("hook_password", "checked_at", "check_code", "check_message", "created_at", "updated_at"),
)
# Of the CA, what neither its certificates nor its answers depend on: each column of each request
# costs both sides more than it seems. Its certificate and key never change.
CA_FIELDS = (
    *("certificate", "private_key", "role", "state", "is_imported", "not_after", "activates_at"),
    *("retired_at", "warned_days", "created_at", "updated_at"),
    *("revoked_at", "revocation_reason"),
)
OUR_ORGANIZATION = Organization.objects.order_by("id")
SERVED_PROFILE = PreparedSelect(
    lambda: (
        ScepProfile.objects.filter(public_id=Given("public_id"), server_type=ScepServerType.BUILTIN)
        .select_related("issuing_ca")
        .defer(*EXTERNAL_FIELDS, *(f"issuing_ca__{name}" for name in CA_FIELDS))
        .annotate(
            recipient_fingerprint=models.Subquery(
                select_registration_authorities()
                .filter(issuer=models.OuterRef("issuing_ca"), is_active=True)
                .values("fingerprint")[:1]
            ),
            organization_name=models.Subquery(OUR_ORGANIZATION.values("name")[:1]),
            stopped_at=models.Subquery(OUR_ORGANIZATION.values("enrollment_stopped_at")[:1]),
        )
        .order_by()
    ),
    remembers=64,
)


@dataclass(frozen=True)
class ServedProfile:
    """A SCEP profile, and what else was read along with it.

    `recipient_fingerprint`: of the active RA below the profile's CA, None without one.
    `organization`: the server's, by name. `is_stopped`: new devices may not enroll now.
    """

    profile: ScepProfile
    recipient_fingerprint: str | None
    organization: str
    is_stopped: bool

    def find_recipient(self) -> ServiceIdentity | None:
        """Return the identity that requests are usually encrypted for; None where others are."""
        if self.recipient_fingerprint is None or self.profile.single_certificate:
            return None
        return _get_recipient(self.recipient_fingerprint)


def find_served_profile(public_id: str, *, now: datetime) -> ServedProfile | None:
    """Return the SCEP profile that is served here, with its CA; raises NotSetUp.

    An external server's profile has its own URL; the one here is nobody's.
    """
    if not is_public_id(public_id, prefix="scep"):
        return None
    row = SERVED_PROFILE.first(public_id=public_id, now=now)
    if row is None:
        return None
    read = vars(row)
    if read["organization_name"] is None:
        raise NotSetUp("run manage.py bootstrap")
    return ServedProfile(
        row,
        read["recipient_fingerprint"],
        organization=read["organization_name"],
        is_stopped=read["stopped_at"] is not None,
    )


def get_served_profile(scep_profile: ScepProfile, *, now: datetime) -> ServedProfile:
    """Return what a request to this profile depends on; raises NotSetUp for an external one."""
    served = find_served_profile(scep_profile.public_id, now=now)
    if served is None:
        raise NotSetUp(f"the SCEP profile {scep_profile.name} is not served here")
    return served


@lru_cache(maxsize=16)
def _get_recipient(fingerprint: str) -> ServiceIdentity:
    return get_identity(ServiceCertificate.objects.get(fingerprint=fingerprint))
