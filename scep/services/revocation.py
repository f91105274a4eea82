"""The CAs' revocation lists: made when something was revoked, and anew at half of their life.

Whoever revokes marks the list in the same transaction. It is made again by a task right after,
or by the first that asks for it, or by the schedule: whichever comes first.
"""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

from django.db import transaction

from organization.services import audit
from scep.errors import AuthorityConflict
from scep.models import (
    CertificateAuthority,
    CertificateStatus,
    IssuedCertificate,
    RevocationList,
    ServiceCertificate,
)
from scep.protocol.crl import Revocation, build_crl
from scep.protocol.issuing import Signer
from scep.protocol.revocation_reasons import check_reason
from scep.selectors import get_certificate, get_signer, is_needed, list_certified_again
from scep.signals import revocation_list_outdated

LIFETIME = timedelta(days=7)
REFRESH_AFTER = LIFETIME / 2
CLOCK_STEP = timedelta(minutes=1)
"""A list from further in the future was made while this server's clock was wrong."""
CHUNK = 5000


def ensure_crl(authority: CertificateAuthority, *, now: datetime) -> RevocationList:
    """Return the CA's list with `der` up to date, made anew where it is due.

    Raises NotSetUp where the CA's key is not here.
    """
    found = RevocationList.objects.filter(authority=authority).first()
    if found is not None and not _is_due(found, authority=authority, now=now):
        return found
    signer = get_signer(authority)
    with transaction.atomic():
        # The lock: who revokes waits for it, and marks the list that was made without him.
        lists = RevocationList.objects.select_for_update()
        row, _ = lists.get_or_create(authority=authority)
        if _is_due(row, authority=authority, now=now):
            _make_list(row, signer=signer, now=now)
    return row


def list_signing_authorities() -> list[CertificateAuthority]:
    """Return the CAs whose key is here, retired ones too: each keeps a list until it expires."""
    rows = CertificateAuthority.objects.filter(private_key__isnull=False)
    return list(rows.defer("private_key"))


def mark_stale(authority_id: int) -> None:
    """Have the lists of the CA (its primary key) made anew; call it in the revoking transaction.

    Before the certificate's own row is touched: everybody takes the locks in this order.
    """
    for each in list_certified_again(authority_id):
        _mark_one(each)


def _mark_one(authority_id: int) -> None:
    row, created = RevocationList.objects.select_for_update().get_or_create(
        authority_id=authority_id
    )
    if not created and row.is_stale:
        return
    row.is_stale = True
    row.save(update_fields=["is_stale"])
    revocation_list_outdated.send(sender=RevocationList, authority_id=authority_id)


def list_revoked_below(
    authority_ids: Collection[int], *, expired_after: datetime
) -> list[Revocation]:
    """Return the CAs that were revoked, of those that have signed them."""
    rows = CertificateAuthority.objects.filter(
        parent__in=authority_ids, revoked_at__isnull=False, not_after__gt=expired_after
    )
    return [
        Revocation(get_certificate(row).serial_number, row.revoked_at, row.revocation_reason)
        for row in rows.defer("private_key")
        if row.revoked_at is not None
    ]


def mark_all_stale() -> None:
    """Have every list made anew, as after a restore: what was published since is not known."""
    RevocationList.objects.update(is_stale=True)


def revoke_service_certificate(
    certificate: ServiceCertificate, *, reason: str, now: datetime, actor: str = ""
) -> None:
    """Revoke a certificate of this server itself, for good; audited where an `actor` asked.

    It signs and opens nothing from now on. Raises RevocationReasonInvalid, and AuthorityConflict
    for one that is still needed (rotate it first), or that a cancelled CA has taken along.
    """
    check_reason(reason)
    if is_needed(certificate):
        raise AuthorityConflict(f"{certificate} is in use: rotate it first.")
    with transaction.atomic():
        mark_stale(certificate.issuer_id)
        rows = ServiceCertificate.objects.filter(pk=certificate.pk, revoked_at=None)
        changed = rows.update(
            revoked_at=now, revocation_reason=reason, is_active=False, updated_at=now
        )
        try:
            certificate.refresh_from_db()
        except ServiceCertificate.DoesNotExist as error:
            raise AuthorityConflict(f"{certificate} is gone: its CA was cancelled.") from error
        if changed and actor:
            audit.record(
                actor,
                action="service_certificate.revoke",
                subject_id=certificate.public_id,
                subject=str(certificate),
                detail={"reason": reason},
            )


def _is_due(row: RevocationList, *, authority: CertificateAuthority, now: datetime) -> bool:
    if row.der is None or row.this_update is None:
        return True
    if authority.not_after <= now:  # its last list stays; nobody believes the CA any more
        return False
    age = now - row.this_update
    return row.is_stale or not -CLOCK_STEP <= age < REFRESH_AFTER


def _make_list(row: RevocationList, *, signer: Signer, now: datetime) -> None:
    row.this_update = now.replace(microsecond=0)
    row.next_update = row.this_update + LIFETIME
    # By the clock where that is ahead: so it does not go back after an old backup either.
    row.number = max(row.number + 1, int(now.timestamp()))
    row.is_stale = False
    row.der = build_crl(
        signer,
        number=row.number,
        this_update=row.this_update,
        next_update=row.next_update,
        revocations=_list_revocations(
            list_certified_again(row.authority_id), expired_after=now - LIFETIME
        ),
    )
    row.save()


def _list_revocations(
    authority_ids: Collection[int], *, expired_after: datetime
) -> Iterator[Revocation]:
    """Yield what is revoked; an entry stays for one more list after the certificate's end.

    (RFC 5280 section 3.3; lists are made more often than every LIFETIME.)
    """
    identities = IssuedCertificate.objects.filter(
        issuer__in=authority_ids, status=CertificateStatus.REVOKED, not_after__gt=expired_after
    )
    services = ServiceCertificate.objects.filter(
        issuer__in=authority_ids, revoked_at__isnull=False, not_after__gt=expired_after
    )
    yield from list_revoked_below(authority_ids, expired_after=expired_after)
    columns = ("serial", "revoked_at", "revocation_reason")
    for rows in (
        identities.order_by("not_after").values_list(*columns).iterator(chunk_size=CHUNK),
        services.order_by("id").values_list(*columns),
    ):
        for serial, revoked_at, reason in rows:
            yield Revocation(int(serial, 16), revoked_at, reason)
