"""The OCSP responder: what the database says about a CA's certificates, signed for the CA."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from organization.selectors import get_organization
from scep.errors import MessageUnreadable
from scep.models import (
    CertificateAuthority,
    CertificateStatus,
    IssuedCertificate,
    ServiceCertificate,
    ServicePurpose,
)
from scep.protocol.certificates import (
    decode_private_key,
)
from scep.protocol.crl import Revocation
from scep.protocol.issuing import (
    SERIAL_BITS,
    Subject,
    Validity,
    build_validity,
)
from scep.protocol.ocsp import (
    Refusal,
    Responder,
    Statement,
    build_refusal,
    build_response,
    decode_request,
    is_issued_by,
)
from scep.protocol.ocsp_certificate import build_ocsp_certificate, generate_key_like
from scep.selectors import get_certificate, get_signer, list_certified_again
from scep.services.service_certificates import store_service_certificate

ANSWER_LIFETIME = timedelta(hours=1)
SIGNER_LIFETIME = timedelta(days=365)
SIGNER_RENEWED_BEFORE = timedelta(days=120)
"""Earlier than the first warning about certificates that expire."""
MAX_SERIAL_BITS = 160  # RFC 5280 section 4.1.2.2; more is not looked up
Status = Revocation | None


@dataclass(frozen=True)
class OcspAnswer:
    """DER to send; `is_general` where it fits everybody who asks the same until `next_update`."""

    der: bytes
    is_general: bool
    this_update: datetime
    next_update: datetime


def answer_ocsp(data: bytes, *, authority: CertificateAuthority, now: datetime) -> OcspAnswer:
    """Answer a DER request about certificates of this CA; a bad one gets an unsigned refusal.

    Foreign certificates are `unknown`; where all of them are, the answer is `unauthorized`.
    Raises NotSetUp where the CA's key is needed and not here.
    """
    now = now.replace(microsecond=0)
    try:
        request = decode_request(data)
    except MessageUnreadable:
        return _refuse("malformed_request", now=now)
    issuer = get_certificate(authority)
    own = [each for each in request.certificates if is_issued_by(each, issuer=issuer)]
    if not own or authority.not_after <= now:
        return _refuse("unauthorized", now=now)
    known = _find_statuses(authority, serials={each.serial for each in own})
    statements = [
        Statement(each, (known[each.serial] or "good"))
        if each in own and each.serial in known
        else Statement(each, "unknown")
        for each in request.certificates
    ]
    der = build_response(
        _get_responder(authority, now=now),
        statements=statements,
        nonce=request.nonce,
        this_update=now,
        next_update=now + ANSWER_LIFETIME,
    )
    return OcspAnswer(der, request.nonce is None, now, now + ANSWER_LIFETIME)


def ensure_ocsp_signer(authority: CertificateAuthority, *, now: datetime) -> ServiceCertificate:
    """Return the certificate that answers for this CA, made anew well before the old one ends.

    Raises NotSetUp where a new one is needed and the CA's key is not here.
    """
    row = _find_signer(authority, now=now)
    if row is not None:
        return row
    with transaction.atomic():
        # One at a time: several first questions at once make one certificate.
        CertificateAuthority.objects.select_for_update().only("pk").get(pk=authority.pk)
        return _find_signer(authority, now=now) or _create_signer(authority, now=now)


def _refuse(refusal: Refusal, *, now: datetime) -> OcspAnswer:
    return OcspAnswer(build_refusal(refusal), False, now, now)


def _get_responder(authority: CertificateAuthority, *, now: datetime) -> Responder:
    row = ensure_ocsp_signer(authority, now=now)
    return Responder(get_certificate(row), decode_private_key(bytes(row.private_key or b"")))


def _find_statuses(authority: CertificateAuthority, *, serials: set[int]) -> dict[int, Status]:
    """Return those of `serials` that this CA has issued: None where good, else the revocation.

    An intent to sign is not among them: nobody was given such a certificate yet.
    """
    texts = [f"{serial:x}" for serial in serials if 0 < serial.bit_length() <= MAX_SERIAL_BITS]
    issuers = list_certified_again(authority.pk)
    identities = IssuedCertificate.objects.filter(issuer__in=issuers, serial__in=texts)
    identities = identities.exclude(status=CertificateStatus.INTENDED)
    services = ServiceCertificate.objects.filter(issuer__in=issuers, serial__in=texts)
    columns = ("serial", "revoked_at", "revocation_reason")
    found = {
        int(serial, 16): Revocation(int(serial, 16), revoked_at, reason) if revoked_at else None
        for rows in (services, identities)
        for serial, revoked_at, reason in rows.order_by().values_list(*columns)
    }
    if serials - found.keys():
        return dict(_list_authority_statuses(authority)) | found
    return found


def _list_authority_statuses(authority: CertificateAuthority) -> Iterable[tuple[int, Status]]:
    """Yield the serial numbers of the CAs below this one, and its own where it is a root."""
    for row in authority.children.defer("private_key"):
        serial = get_certificate(row).serial_number
        at, reason = row.revoked_at, row.revocation_reason
        yield serial, Revocation(serial, at, reason) if at else None
    own = get_certificate(authority)
    if own.issuer == own.subject:
        yield own.serial_number, None


def _find_signer(authority: CertificateAuthority, *, now: datetime) -> ServiceCertificate | None:
    # A CA near its own end cannot give anything that lives longer.
    needed = min(now + SIGNER_RENEWED_BEFORE, authority.not_after)
    rows = ServiceCertificate.objects.filter(
        purpose=ServicePurpose.OCSP_SIGNING, issuer=authority, is_active=True, not_after__gte=needed
    )
    # Made while this server's clock was ahead, it would be believed by nobody for as long.
    lasting = (row for row in rows.order_by("-id") if _has_begun(row, now=now))
    return next(lasting, None)


def _has_begun(row: ServiceCertificate, *, now: datetime) -> bool:
    return get_certificate(row).not_valid_before_utc <= now


def _create_signer(authority: CertificateAuthority, *, now: datetime) -> ServiceCertificate:
    issuer = get_signer(authority)
    key = generate_key_like(issuer.key)
    validity = build_validity(now, lifetime=SIGNER_LIFETIME)
    certificate = build_ocsp_certificate(
        key.public_key(),
        issuer=issuer,
        subject=Subject(ServicePurpose.OCSP_SIGNING.label, get_organization().name),
        serial=secrets.randbits(SERIAL_BITS) | 1,
        validity=Validity(
            validity.not_before, min(validity.not_after, issuer.certificate.not_valid_after_utc)
        ),
    )
    earlier = ServiceCertificate.objects.filter(
        purpose=ServicePurpose.OCSP_SIGNING, issuer=authority, is_active=True
    )
    earlier.update(is_active=False, updated_at=now)
    return store_service_certificate(
        ServicePurpose.OCSP_SIGNING, issuer=authority, certificate=certificate, key=key
    )
