"""What is done with a CA whose key may be in other hands: it gives way, and is revoked."""

from datetime import datetime

from django.db import transaction

from scep.errors import AuthorityConflict
from scep.models import (
    CertificateAuthority,
    CertificateAuthorityRole,
    CertificateAuthorityState,
)
from scep.protocol.revocation_reasons import check_reason
from scep.selectors import ISSUERS
from scep.services.authorities import rotate_single_authority
from scep.services.revocation import mark_stale
from scep.services.rotation import record_change


def rotate_authority(
    authority: CertificateAuthority, *, actor: str, now: datetime
) -> CertificateAuthority:
    """Put a new CA in the place of the SCEP CA that has no RA beside it; return the new one.

    Raises AuthorityConflict for any other: an issuing CA's successor is prepared and announced.
    """
    if authority.role != CertificateAuthorityRole.SINGLE:
        raise AuthorityConflict(f"{authority.name} is not rotated: prepare the next CA.")
    with transaction.atomic():
        if not rotate_single_authority(authority, now=now):
            raise AuthorityConflict(f"{authority.name} does not issue any more.")
        following = CertificateAuthority.objects.get(
            role=CertificateAuthorityRole.SINGLE, state=CertificateAuthorityState.ACTIVE
        )
        record_change("rotate", following, actor=actor)
    return following


def revoke_authority(
    authority: CertificateAuthority, *, reason: str, actor: str, now: datetime
) -> None:
    """Revoke a retired CA for good, audited: it stands on the list of the CA above it.

    Others believe none of its certificates any more. Here each is known by itself and goes on until
    its device has been given one of another CA, which begins at once. Raises AuthorityConflict,
    RevocationReasonInvalid.
    """
    check_reason(reason)
    with transaction.atomic():
        rows = CertificateAuthority.objects.select_for_update(no_key=True)
        row = rows.select_related(None).get(pk=authority.pk)
        if find_obstacle(row):
            raise AuthorityConflict(find_obstacle(row))
        if row.revoked_at is None and row.parent_id is not None:
            mark_stale(row.parent_id)
            row.revoked_at, row.revocation_reason = now, reason
            row.save(update_fields=["revoked_at", "revocation_reason", "updated_at"])
            record_change("revoke", row, actor=actor, reason=reason)
    authority.refresh_from_db(fields=["revoked_at", "revocation_reason"])


def find_obstacle(authority: CertificateAuthority) -> str:
    """Return why the CA cannot be revoked here, "" where it can."""
    if authority.role not in ISSUERS:
        return f"{authority.name} is not an issuing CA of this server."
    if authority.state != CertificateAuthorityState.RETIRED:
        return f"{authority.name} is in use: let another CA take its place first."
    if authority.parent is None or not authority.parent.private_key:
        return f"{authority.name} was signed elsewhere: it has to be revoked there."
    return ""
