"""This server's own certificates: who signs, and who may open a SCEP request."""

from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from django.db import models
from django.utils import timezone

from organization.errors import NotSetUp
from organization.models import Given, PreparedSelect
from scep.models import (
    CertificateAuthority,
    CertificateAuthorityRole,
    CertificateAuthorityState,
    ScepProfile,
    ServiceCertificate,
    ServicePurpose,
)
from scep.protocol.certificates import decode_rsa_key, encode_certificate, fingerprint
from scep.selectors.authorities import get_certificate, list_chain
from scep.selectors.profiles import get_profile_authority


def select_registration_authorities() -> models.QuerySet[ServiceCertificate]:
    """Return those that may open requests at the moment `now` (Given), newest first."""
    return ServiceCertificate.objects.filter(
        purpose=ServicePurpose.SCEP_RA, revoked_at=None, not_after__gt=Given("now")
    ).order_by("-id")


REGISTRATION_AUTHORITIES = PreparedSelect(
    lambda: select_registration_authorities().only(
        "certificate", "private_key", "is_active", "issuer"
    ),
    remembers=16,
)
WITH_CHAINS = PreparedSelect(
    lambda: (
        select_registration_authorities()
        .select_related("issuer__parent__parent")
        .defer("issuer__private_key", "issuer__parent__private_key")
        .defer("issuer__parent__parent__private_key")
    )
)

ACTIVE = PreparedSelect(
    lambda: (
        ServiceCertificate.objects.filter(purpose=Given("purpose"), is_active=True)
        .select_related("issuer__parent")
        .defer("issuer__private_key", "issuer__parent__private_key")
        .order_by("-id")
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


def get_service_identity(
    purpose: ServicePurpose, *, issuer: CertificateAuthority | None = None
) -> ServiceIdentity:
    """Return the newest active certificate for `purpose` (below `issuer`); raises NotSetUp."""
    rows = ACTIVE.all(purpose=purpose)
    row = next((each for each in rows if issuer is None or each.issuer_id == issuer.pk), None)
    if row is None:
        raise NotSetUp(f"there is no certificate for {purpose.label}: run manage.py bootstrap")
    return get_identity(row)


def is_service_certificate_revoked(certificate: x509.Certificate) -> bool:
    """Return whether this certificate of the server itself was revoked, or the CA above it."""
    rows = ServiceCertificate.objects.filter(
        models.Q(revoked_at__isnull=False) | models.Q(issuer__revoked_at__isnull=False)
    )
    return rows.filter(fingerprint=fingerprint(encode_certificate(certificate))).exists()


def is_needed(certificate: ServiceCertificate) -> bool:
    """Whether something would stand still without it: then it is rotated, and revoked afterwards.

    The RA of a retired CA opens what comes from devices that know no other, and that of the next
    one nothing yet.
    """
    if not certificate.is_active:
        return False
    if certificate.purpose == ServicePurpose.SCEP_RA:
        return certificate.issuer.state == CertificateAuthorityState.ACTIVE
    return certificate.purpose == ServicePurpose.PROFILE_SIGNING


def is_serving_own_certificate() -> bool:
    """Whether this server has made itself a TLS certificate; a proxy may serve another."""
    return ServiceCertificate.objects.filter(
        purpose=ServicePurpose.TLS_SERVER, is_active=True
    ).exists()


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
        return _list_single(first=authority)
    found = _list_registration_authorities(first=authority, with_chains=with_chains)
    if not found:
        raise NotSetUp("there is no registration authority: run manage.py bootstrap")
    return found


def list_other_recipients(
    scep_profile: ScepProfile, *, with_chains: bool = True
) -> list[ServiceIdentity]:
    """Return who opens what was encrypted while the profile named an RA and does not, or reverse.

    Clients keep the answer to GetCACert; both kinds of key are ours.
    """
    if scep_profile.single_certificate:
        return _list_registration_authorities(with_chains=with_chains)
    return _list_single()


def _list_single(*, first: CertificateAuthority | None = None) -> list[ServiceIdentity]:
    """Return the CAs that open requests themselves, newest first, but `first` before all."""
    rows = CertificateAuthority.objects.filter(
        role=CertificateAuthorityRole.SINGLE, not_after__gt=timezone.now(), revoked_at=None
    ).order_by("-id")
    if first is None:
        return [get_identity(row) for row in rows]
    return [get_identity(row) for row in (first, *rows.exclude(pk=first.pk))]


def _list_registration_authorities(
    *, first: CertificateAuthority | None = None, with_chains: bool
) -> list[ServiceIdentity]:
    """Return the RAs, newest first, but the active one below `first` before all."""
    known = WITH_CHAINS if with_chains else REGISTRATION_AUTHORITIES
    rows = known.all(now=timezone.now())
    below = None if first is None else first.pk
    ordered = sorted(rows, key=lambda row: not (row.is_active and row.issuer_id == below))
    return [get_identity(row) for row in ordered]


def get_identity(row: ServiceCertificate | CertificateAuthority) -> ServiceIdentity:
    """Return the row's certificate and key; raises ValueError where it has none."""
    return ServiceIdentity(get_certificate(row), decode_rsa_key(bytes(row.private_key or b"")), row)
