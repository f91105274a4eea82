"""Reads of the certificate authority: the active CAs and service certificates, and identities."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from django.db import models
from django.utils import timezone

from organization.errors import NotSetUp
from organization.models import Given, PreparedSelect
from organization.protocol.public_id import is_public_id
from scep.errors import IdentityNotInTime, IdentityNotTrusted, IdentityRevoked
from scep.models import (
    CertificateAuthority,
    CertificateAuthorityRole,
    CertificateAuthorityState,
    CertificateStatus,
    IssuedCertificate,
    ScepProfile,
    ScepServerType,
    ServiceCertificate,
    ServicePurpose,
)
from scep.protocol.certificates import (
    decode_certificate,
    decode_private_key,
    decode_rsa_key,
    encode_certificate,
    fingerprint,
)
from scep.protocol.issuing import Links, Signer

CLOCK_LEEWAY = timedelta(minutes=10)
PINNED_TIME = timedelta(days=7)
"""How long a retired CA still answers to devices that know no other."""
RENEWAL_WINDOW = timedelta(days=180)
RENEWAL_SHARE = 3
"""A certificate that lives shorter than that may be renewed in the last third of its life."""

# What concerns external servers only; nobody changes rows of these two while they are in use.
EXTERNAL_FIELDS = (
    *("external_url", "ca_name", "ca_fingerprint", "hook_type", "hook_url", "hook_username"),
    *("hook_password", "checked_at", "check_code", "check_message", "created_at", "updated_at"),
)
BUILTIN_PROFILE = PreparedSelect(
    lambda: (
        ScepProfile.objects.filter(public_id=Given("public_id"), server_type=ScepServerType.BUILTIN)
        .select_related("issuing_ca")
        .defer(*EXTERNAL_FIELDS)
        .order_by()
    ),
    remembers=64,
)


def _select_registration_authorities() -> models.QuerySet[ServiceCertificate]:
    return ServiceCertificate.objects.filter(
        purpose=ServicePurpose.SCEP_RA, revoked_at=None, not_after__gt=Given("now")
    ).order_by("-id")


REGISTRATION_AUTHORITIES = PreparedSelect(
    lambda: _select_registration_authorities().only(
        "certificate", "private_key", "is_active", "issuer"
    ),
    remembers=16,
)
WITH_CHAINS = PreparedSelect(
    lambda: (
        _select_registration_authorities()
        .select_related("issuer__parent__parent")
        .defer("issuer__private_key", "issuer__parent__private_key")
        .defer("issuer__parent__parent__private_key")
    )
)


@dataclass(frozen=True)
class ServiceIdentity:
    """A certificate and key of this server."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey
    row: ServiceCertificate | CertificateAuthority

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """The CAs above, the lowest first; looked up where they were not fetched along."""
        row = self.row
        above = row.issuer if isinstance(row, ServiceCertificate) else row.parent
        return tuple(get_certificate(each) for each in list_chain(above)) if above else ()


@dataclass(frozen=True)
class ExpiringCertificate:
    """A certificate near its end. `kind`: a CA's role or a service's purpose; `days` left, whole.

    `is_automatic`: it should have been replaced by itself long ago.
    """

    row: CertificateAuthority | ServiceCertificate
    name: str
    kind: str
    not_after: datetime
    days: int
    is_automatic: bool


def get_root_ca() -> CertificateAuthority:
    """Return our own root CA, never an imported one; raises NotSetUp."""
    return _get_active_ca(CertificateAuthorityRole.ROOT, is_imported=False)


def get_issuing_ca() -> CertificateAuthority:
    """Return the active issuing CA, ours or imported; raises NotSetUp."""
    return _get_active_ca(CertificateAuthorityRole.ISSUING)


def get_server_authority() -> CertificateAuthority:
    """Return the CA that signs for this server itself (TLS, profiles): always below our own root.

    Every enrolled device trusts our root for life, and another's only since that was imported.
    So where the active issuing CA is not below it, the root itself signs. Raises NotSetUp.
    """
    root, issuing = get_root_ca(), get_issuing_ca()
    return issuing if issuing.parent_id == root.pk else root


def find_next_ca() -> CertificateAuthority | None:
    """Return the CA that has been prepared or imported to take over from the issuing CA."""
    return CertificateAuthority.objects.filter(
        role=CertificateAuthorityRole.ISSUING, state=CertificateAuthorityState.NEXT
    ).first()


def list_root_cas() -> list[CertificateAuthority]:
    """Return what devices trust: our own root, then the roots above active and retired CAs.

    Raises NotSetUp.
    """
    roots = {row.pk: row for row in [get_root_ca()]}
    issuing = CertificateAuthority.objects.filter(
        role=CertificateAuthorityRole.ISSUING,
        state__in=[CertificateAuthorityState.ACTIVE, CertificateAuthorityState.RETIRED],
        not_after__gt=timezone.now(),
    )
    for row in issuing.select_related("parent").defer("private_key", "parent__private_key"):
        root = list_chain(row)[-1]
        roots.setdefault(root.pk, root)
    return list(roots.values())


def find_builtin_profile(public_id: str) -> ScepProfile | None:
    """Return the SCEP profile that is served here, with its CA.

    An external server's profile has its own URL; the one here is nobody's.
    """
    if not is_public_id(public_id, prefix="scep"):
        return None
    return BUILTIN_PROFILE.first(public_id=public_id)


def find_pinned_authority(
    scep_profile: ScepProfile, *, name: str, now: datetime
) -> CertificateAuthority | None:
    """Return the retired CA that a device asks for by its id, as its enrollment profile told it.

    A device that downloaded its profile before a rotation has pinned the old CA's fingerprint,
    and finds it here for as long as such a profile may reasonably be waiting.
    """
    if not is_public_id(name, prefix="ca"):
        return None  # whatever a stranger writes there
    role = (
        CertificateAuthorityRole.SINGLE
        if scep_profile.single_certificate
        else CertificateAuthorityRole.ISSUING
    )
    return (
        CertificateAuthority.objects.filter(
            public_id=name,
            role=role,
            state=CertificateAuthorityState.RETIRED,
            retired_at__gt=now - PINNED_TIME,
            not_after__gt=now,
        )
        .select_related("parent")
        .first()
    )


def list_chain(authority: CertificateAuthority) -> list[CertificateAuthority]:
    """Return the CA and those above it, the root last."""
    chain = [authority]
    while chain[-1].parent is not None:
        chain.append(chain[-1].parent)
    return chain


def get_ca_certificate_fingerprint(scep_profile: ScepProfile) -> bytes:
    """Return SHA-256 (32 raw bytes) of the CA certificate that issues for this profile."""
    if scep_profile.server_type == ScepServerType.EXTERNAL or scep_profile.issuing_ca is None:
        return bytes.fromhex(scep_profile.ca_fingerprint)
    return bytes.fromhex(scep_profile.issuing_ca.fingerprint)


def get_profile_authority(scep_profile: ScepProfile) -> CertificateAuthority:
    """Return the CA that issues for this profile; raises NotSetUp for an external server's."""
    if scep_profile.issuing_ca is None:
        raise NotSetUp(f"the SCEP profile {scep_profile.name} has no CA here")
    return scep_profile.issuing_ca


def find_published_authority(
    public_id: str, *, with_key: bool = False
) -> CertificateAuthority | None:
    """Return the CA of this server whose links lead to `/pki/…/<public id>`; None for others.

    `with_key`: only one that can sign revocation lists and OCSP answers.
    """
    if not is_public_id(public_id, prefix="ca"):
        return None
    rows = CertificateAuthority.objects.exclude(role=CertificateAuthorityRole.EXTERNAL)
    if with_key:
        rows = rows.filter(private_key__isnull=False)
    return rows.defer("private_key").filter(public_id=public_id).first()


def get_signer(authority: CertificateAuthority) -> Signer:
    """Return the CA's certificate and key, ready to sign; raises NotSetUp without a key."""
    if not authority.private_key:
        raise NotSetUp(f"the key of {authority.name} is not here")
    return Signer(
        get_certificate(authority),
        decode_private_key(bytes(authority.private_key)),
        build_links(authority),
    )


def build_links(authority: CertificateAuthority) -> Links:
    """Return the URLs that stand in every certificate of this CA."""
    base, name = f"{settings.BASE_URL}/pki", authority.public_id
    return Links(f"{base}/crl/{name}.crl", f"{base}/ocsp/{name}", f"{base}/ca/{name}.cer")


def get_certificate(
    row: CertificateAuthority | ServiceCertificate | IssuedCertificate,
) -> x509.Certificate:
    """Return the row's certificate, parsed; raises ValueError where it has none yet."""
    return decode_certificate(bytes(row.certificate or b""))


def get_service_identity(
    purpose: ServicePurpose, *, issuer: CertificateAuthority | None = None
) -> ServiceIdentity:
    """Return the newest active certificate for `purpose` (below `issuer`); raises NotSetUp."""
    rows = ServiceCertificate.objects.filter(purpose=purpose, is_active=True)
    if issuer is not None:
        rows = rows.filter(issuer=issuer)
    rows = rows.select_related("issuer__parent").defer(
        "issuer__private_key", "issuer__parent__private_key"
    )
    row = rows.order_by("-id").first()
    if row is None:
        raise NotSetUp(f"there is no certificate for {purpose.label}: run manage.py bootstrap")
    return _get_identity(row)


def list_expiring(*, now: datetime, within: timedelta) -> list[ExpiringCertificate]:
    """Return what is in use and ends `within` from now, the first to end first.

    CAs above an imported one count too. Retired CAs have nothing more to do than to end.
    """
    working = CertificateAuthority.objects.exclude(role=CertificateAuthorityRole.EXTERNAL)
    working = working.exclude(state=CertificateAuthorityState.RETIRED).filter(
        private_key__isnull=False
    )
    authorities = {row.pk for each in working.defer("private_key") for row in list_chain(each)}
    services = ServiceCertificate.objects.filter(is_active=True).exclude(
        issuer__state=CertificateAuthorityState.RETIRED
    )
    found = [
        *_describe_expiry(
            CertificateAuthority.objects.filter(pk__in=authorities), now=now, until=now + within
        ),
        *_describe_expiry(services, now=now, until=now + within),
    ]
    return sorted(found, key=lambda each: each.not_after)


def _describe_expiry(
    rows: models.QuerySet[CertificateAuthority] | models.QuerySet[ServiceCertificate],
    *,
    now: datetime,
    until: datetime,
) -> list[ExpiringCertificate]:
    ending = rows.filter(not_after__lte=until).defer("private_key", "certificate")
    return [
        ExpiringCertificate(
            row=row,
            name=str(row),
            kind=row.role if isinstance(row, CertificateAuthority) else row.purpose,
            not_after=row.not_after,
            days=max((row.not_after - now).days, 0),
            is_automatic=isinstance(row, ServiceCertificate),
        )
        for row in ending
    ]


def list_recipients(
    scep_profile: ScepProfile, *, with_chains: bool = True
) -> list[ServiceIdentity]:
    """Return who may open a SCEP request for this profile: first the one that GetCACert names.

    Then every RA of ours that has not expired, newest first: a device that asked for the RA's
    certificate before a rotation is still understood. Without an RA it is the CA itself.
    `with_chains`: the CAs above are fetched along. Raises NotSetUp.
    """
    authority = get_profile_authority(scep_profile)
    if scep_profile.single_certificate:
        earlier = CertificateAuthority.objects.filter(
            role=CertificateAuthorityRole.SINGLE,
            state=CertificateAuthorityState.RETIRED,
            not_after__gt=timezone.now(),
        )
        return [_get_identity(row) for row in (authority, *earlier.order_by("-id"))]
    known = WITH_CHAINS if with_chains else REGISTRATION_AUTHORITIES
    rows = known.all(now=timezone.now())
    found = sorted(rows, key=lambda row: not (row.is_active and row.issuer_id == authority.pk))
    if not found:
        raise NotSetUp("there is no registration authority: run manage.py bootstrap")
    return [_get_identity(row) for row in found]


def get_renewal_window(certificate: IssuedCertificate) -> datetime:
    """Return the moment from which the certificate may be renewed; it ends with its validity.

    By its SCEP profile; else 180 days ahead, or a third of a shorter life.
    """
    profile = certificate.scep_profile
    if profile is not None and profile.renewal_days is not None:
        return certificate.not_after - timedelta(days=profile.renewal_days)
    life = certificate.not_after - certificate.not_before
    return certificate.not_after - min(RENEWAL_WINDOW, life / RENEWAL_SHARE)


def verify_identity(
    certificate: x509.Certificate, *, now: datetime, leeway: timedelta = CLOCK_LEEWAY
) -> IssuedCertificate:
    """Return the row of an identity certificate that we issued and that is valid `now`.

    Found by the SHA-256 of the whole certificate; the issuer's signature is checked again.
    Raises IdentityRevoked, or IdentityNotTrusted for everything else.
    """
    row = (
        IssuedCertificate.objects.select_related("issuer")
        .defer("issuer__private_key")
        .filter(fingerprint=fingerprint(encode_certificate(certificate)))
        .first()
    )
    if row is None:
        raise IdentityNotTrusted("the certificate was not issued here")
    if row.status == CertificateStatus.REVOKED:
        raise IdentityRevoked(f"the certificate was revoked ({row.revocation_reason})")
    if row.status != CertificateStatus.ISSUED:
        raise IdentityNotTrusted("the certificate was never handed out")
    _verify_issuer(certificate, issuer=get_certificate(row.issuer))
    if now < certificate.not_valid_before_utc - leeway:
        raise IdentityNotInTime("the certificate is not valid yet")
    if now > certificate.not_valid_after_utc + leeway:
        raise IdentityNotInTime("the certificate has expired")
    return row


def _get_active_ca(role: CertificateAuthorityRole, **conditions: bool) -> CertificateAuthority:
    row = (
        CertificateAuthority.objects.select_related("parent")
        .filter(role=role, state=CertificateAuthorityState.ACTIVE, **conditions)
        .order_by("-id")
        .first()
    )
    if row is None:
        raise NotSetUp("there is no certificate authority yet: run manage.py bootstrap")
    return row


def _get_identity(row: ServiceCertificate | CertificateAuthority) -> ServiceIdentity:
    return ServiceIdentity(get_certificate(row), decode_rsa_key(bytes(row.private_key or b"")), row)


def _verify_issuer(certificate: x509.Certificate, *, issuer: x509.Certificate) -> None:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature) as error:
        raise IdentityNotTrusted("the certificate's signature is not our CA's") from error
