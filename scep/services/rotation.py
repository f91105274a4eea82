"""A new issuing CA takes over from the old one: prepared, announced, activated or cancelled.

Nothing that was handed out breaks: old identities verify until they expire, old RAs decrypt, a
retired CA keeps its revocation list going and answers those who have pinned it.
"""

from datetime import datetime

from django.db import IntegrityError, transaction

from organization.selectors import get_organization
from organization.services import audit
from scep.errors import AuthorityConflict, AuthorityInvalid
from scep.models import (
    CertificateAuthority,
    CertificateAuthorityRole,
    CertificateAuthorityState,
    ScepProfile,
    ScepServerType,
    ServiceCertificate,
    ServicePurpose,
)
from scep.protocol.certificates import KEY_TYPES
from scep.selectors import find_next_ca, get_chain_end, get_issuing_ca, get_server_authority
from scep.services.authorities import create_authority
from scep.services.service_certificates import (
    create_service_certificate,
    replace_service_certificate,
)

ONE_AT_A_TIME = "There is a next CA already. Activate or cancel it first."


def prepare_authority(
    *, key_type: str, activates_at: datetime | None, actor: str, now: datetime
) -> CertificateAuthority:
    """Make the next issuing CA below our root, and its RA; SCEP clients hear of it from now on.

    `key_type`: one of KEY_TYPES. `activates_at` None waits for an administrator.
    Raises AuthorityInvalid, AuthorityConflict, NotSetUp.
    """
    if key_type not in KEY_TYPES:
        message = f"The key must be one of {', '.join(KEY_TYPES)}."
        raise AuthorityInvalid(message, field="key_type")
    if activates_at is not None and activates_at <= now:
        raise AuthorityInvalid("The moment to take over must lie ahead.", field="activates_at")
    if activates_at is not None and activates_at >= get_issuing_ca().not_after:
        message = "The CA of today ends before that: nothing would be issued between."
        raise AuthorityInvalid(message, field="activates_at")
    if find_next_ca() is not None:
        raise AuthorityConflict(ONE_AT_A_TIME)
    try:
        with transaction.atomic():
            authority = create_authority(
                CertificateAuthorityRole.ISSUING,
                organization_name=get_organization().name,
                key_type=key_type,
                state=CertificateAuthorityState.NEXT,
                activates_at=activates_at,
                now=now,
            )
            create_service_certificate(ServicePurpose.SCEP_RA, issuer=authority, now=now)
            record_change("prepare", authority, actor=actor)
    except IntegrityError as error:
        # Two at once: the database lets one CA be the next.
        raise AuthorityConflict(ONE_AT_A_TIME) from error
    return authority


def activate_authority(
    authority: CertificateAuthority, *, actor: str, now: datetime
) -> CertificateAuthority:
    """Let the next CA issue from now on, for every profile of the built-in CA; retire the old one.

    Raises AuthorityConflict when it is not the next CA (any more), or not valid now.
    """
    with transaction.atomic():
        row = lock_next(authority)
        if min(row.not_after, get_chain_end(row)) <= now:
            raise AuthorityConflict(
                f"{row.name}, or a CA above it, has expired: it cannot take over. Cancel it and "
                "import or prepare another."
            )
        issuing = CertificateAuthority.objects.filter(role=CertificateAuthorityRole.ISSUING)
        issuing.filter(state=CertificateAuthorityState.ACTIVE).update(
            state=CertificateAuthorityState.RETIRED, retired_at=now, updated_at=now
        )
        row.state, row.activates_at = CertificateAuthorityState.ACTIVE, None
        row.save(update_fields=["state", "activates_at", "updated_at"])
        ScepProfile.objects.filter(
            server_type=ScepServerType.BUILTIN, single_certificate=False
        ).update(issuing_ca=row, updated_at=now)
        _provide_services(row, now=now)
        record_change("activate", row, actor=actor)
    return row


def cancel_authority(authority: CertificateAuthority, *, actor: str) -> None:
    """Forget the next CA with its key and its RA; raises AuthorityConflict when it is not the next.

    It has certified nobody but this server, so nothing is left that anybody could check.
    """
    with transaction.atomic():
        row = lock_next(authority)
        record_change("cancel", row, actor=actor)
        ServiceCertificate.objects.filter(issuer=row).delete()
        above = row.parent
        row.delete()
        _delete_unused(above)


def lock_next(authority: CertificateAuthority) -> CertificateAuthority:
    """Return the row, locked until the transaction ends; raises AuthorityConflict."""
    # The lock decides between two who activate, or activate and cancel, at once.
    row = CertificateAuthority.objects.select_for_update().filter(pk=authority.pk).first()
    if (
        row is None
        or row.role != CertificateAuthorityRole.ISSUING
        or row.state != CertificateAuthorityState.NEXT
    ):
        raise AuthorityConflict(f"{authority.name} is not the next CA (any more).")
    return row


def record_change(
    action: str, authority: CertificateAuthority, *, actor: str, **detail: str
) -> None:
    """Write to the audit log what was done with a CA."""
    audit.record(
        actor,
        action=f"authority.{action}",
        subject_id=authority.public_id,
        subject=authority.name,
        detail={"fingerprint": authority.fingerprint, **detail},
    )


def _provide_services(authority: CertificateAuthority, *, now: datetime) -> None:
    """Give the new CA its RA where that is missing, and move profile signing below it."""
    known = ServiceCertificate.objects.filter(
        purpose=ServicePurpose.SCEP_RA, issuer=authority, is_active=True, not_after__gt=now
    )
    if not known.exists():
        create_service_certificate(ServicePurpose.SCEP_RA, issuer=authority, now=now)
    replace_service_certificate(
        ServicePurpose.PROFILE_SIGNING, issuer=get_server_authority(), now=now
    )


def _delete_unused(authority: CertificateAuthority | None) -> None:
    """Delete imported CAs above a cancelled one that nothing else stands on.

    One that a SCEP profile trusts stays, and stands for itself again.
    """
    while authority is not None and not authority.children.exists():
        above = authority.parent
        if authority.role == CertificateAuthorityRole.EXTERNAL:
            authority.parent = None
            authority.save(update_fields=["parent", "updated_at"])
        elif authority.is_imported:
            authority.delete()
        else:
            return
        authority = above
