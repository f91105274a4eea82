"""GetCACaps, GetCACert, GetNextCACert: what a device needs to know before it asks."""

from datetime import datetime

from cryptography import x509

from organization.errors import NotSetUp
from scep.errors import NoNextAuthority
from scep.models import (
    CertificateAuthority,
    CertificateAuthorityRole,
    ScepProfile,
    ServiceCertificate,
    ServicePurpose,
)
from scep.protocol.answer import Answer
from scep.protocol.capabilities import build_capabilities
from scep.protocol.certificates import encode_certificate
from scep.protocol.cms import build_degenerate, sign_attached
from scep.selectors import (
    ServiceIdentity,
    find_next_ca,
    find_pinned_authority,
    get_certificate,
    get_profile_authority,
    list_chain,
    list_other_recipients,
    list_recipients,
)

ONE_CERTIFICATE = "application/x-x509-ca-cert"
SEVERAL_CERTIFICATES = "application/x-x509-ca-ra-cert"
NEXT_CERTIFICATES = "application/x-x509-next-ca-cert"


def describe_capabilities(scep_profile: ScepProfile) -> str:
    """Return the answer to GetCACaps."""
    return build_capabilities(
        allow_legacy=scep_profile.allow_legacy,
        has_next_ca=_find_next(scep_profile) is not None,
    )


def build_ca_certificates(scep_profile: ScepProfile, *, name: str, now: datetime) -> Answer:
    """Return RA, issuing CA and those above it (RFC 8894 section 4.2.1), or the one SCEP CA.

    `name`: the CA that the device was told of (`ca_…`), whose fingerprint it compares. For a week
    after a rotation that may be the earlier one, and where the profile named an RA then and does
    not now (or reverse) the one of that time. Any other name means today's.
    Raises organization.errors.NotSetUp.
    """
    authority = today = get_profile_authority(scep_profile)
    if name != today.public_id:
        authority = find_pinned_authority(name=name, now=now) or today
    if authority.role == CertificateAuthorityRole.SINGLE:
        return Answer(bytes(authority.certificate), ONE_CERTIFICATE)
    authorities = _list_certificates(authority)
    recipient = _get_recipient(scep_profile, issuer=authorities[0])
    # By content: an RA of another CA has that CA above it as well. Today's comes along, for that
    # is the one that will issue.
    certificates = dict.fromkeys(
        [recipient.certificate, *authorities, *recipient.chain, *_list_certificates(today)]
    )
    return Answer(
        build_degenerate([encode_certificate(each) for each in certificates]), SEVERAL_CERTIFICATES
    )


def build_next_ca_certificates(scep_profile: ScepProfile) -> Answer:
    """Return the next CA, those above it and its RA, signed by today's RA (RFC 8894 4.7).

    A device verifies the answer with what GetCACert has told it. Raises NoNextAuthority.
    """
    authority = _find_next(scep_profile)
    if authority is None:
        raise NoNextAuthority("There is no next CA yet.")
    ra = (
        ServiceCertificate.objects.filter(
            purpose=ServicePurpose.SCEP_RA, issuer=authority, revoked_at=None
        )
        .order_by("-id")
        .first()
    )
    announced = [*([get_certificate(ra)] if ra else []), *_list_certificates(authority)]
    signer = list_recipients(scep_profile)[0]
    signed = sign_attached(
        build_degenerate([encode_certificate(each) for each in announced]),
        certificate=signer.certificate,
        key=signer.key,
        chain=signer.chain[:1],
    )
    return Answer(signed, NEXT_CERTIFICATES)


def _get_recipient(scep_profile: ScepProfile, *, issuer: x509.Certificate) -> ServiceIdentity:
    """Return the RA below the CA, else the one that GetCACert names; raises NotSetUp."""
    list_them = list_other_recipients if scep_profile.single_certificate else list_recipients
    recipients = list_them(scep_profile)
    if not recipients:
        raise NotSetUp("there is no registration authority: run manage.py bootstrap")
    below = (each for each in recipients if each.chain[0] == issuer)
    return next(below, recipients[0])


def _find_next(scep_profile: ScepProfile) -> CertificateAuthority | None:
    """A profile with a single certificate has a CA of its own, which stays."""
    return None if scep_profile.single_certificate else find_next_ca()


def _list_certificates(authority: CertificateAuthority) -> list[x509.Certificate]:
    return [get_certificate(row) for row in list_chain(authority)]
