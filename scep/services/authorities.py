"""This server's own CAs: the root, those that issue below it, and the one without an RA."""

import secrets
from datetime import datetime, timedelta

from cryptography import x509
from django.db import IntegrityError, transaction

from organization.selectors import get_organization
from scep.models import (
    CertificateAuthority,
    CertificateAuthorityRole,
    CertificateAuthorityState,
)
from scep.protocol.certificates import (
    KEY_TYPES,
    PrivateKey,
    encode_certificate,
    encode_private_key,
    fingerprint,
    generate_private_key,
)
from scep.protocol.issuing import (
    MAX_NAME_BYTES,
    SERIAL_BITS,
    Subject,
    build_issuing_certificate,
    build_root_certificate,
    build_validity,
    cut_text,
)
from scep.protocol.names import describe_name
from scep.protocol.subject_template import clean_text
from scep.selectors import get_root_ca, get_signer

ROOT_LIFETIME = timedelta(days=20 * 365)
ISSUING_LIFETIME = timedelta(days=10 * 365)
# As strong as P-256, and still RSA: the oldest devices verify what it signs.
ROOT_KEY_BITS = 3072
DEFAULT_KEY_TYPE = "ec_p256"
# A SCEP client encrypts its requests to it.
SINGLE_KEY_TYPE = "rsa_2048"


def create_root_authority(organization_name: str, *, now: datetime) -> CertificateAuthority:
    """Make a self-signed root CA with an RSA key."""
    key = generate_private_key(bits=ROOT_KEY_BITS)
    certificate = build_root_certificate(
        key,
        subject=build_name(organization_name, role="Root CA"),
        serial=secrets.randbits(SERIAL_BITS) | 1,
        validity=build_validity(now, lifetime=ROOT_LIFETIME),
    )
    row = build_row(certificate, role=CertificateAuthorityRole.ROOT, key=key)
    row.save()
    return row


def create_authority(
    role: CertificateAuthorityRole,
    *,
    organization_name: str,
    key_type: str,
    now: datetime,
    state: CertificateAuthorityState = CertificateAuthorityState.ACTIVE,
    activates_at: datetime | None = None,
) -> CertificateAuthority:
    """Make a CA below our root; `role` is ISSUING or SINGLE, `key_type` one of KEY_TYPES.

    Raises NotSetUp without a root, django.db.IntegrityError where the state is taken.
    """
    root = get_root_ca()
    signer = get_signer(root)
    key = KEY_TYPES[key_type]()
    certificate = build_issuing_certificate(
        key.public_key(),
        issuer=signer,
        subject=build_name(organization_name, role=_number(role)),
        serial=secrets.randbits(SERIAL_BITS) | 1,
        validity=build_validity(
            now, lifetime=ISSUING_LIFETIME, limit=signer.certificate.not_valid_after_utc
        ),
        deciphers=role == CertificateAuthorityRole.SINGLE,
    )
    row = build_row(certificate, role=role, key=key)
    row.parent, row.state, row.activates_at = root, state, activates_at
    row.save()
    return row


def ensure_single_authority(*, now: datetime) -> CertificateAuthority:
    """Return the CA of the SCEP profiles with a single certificate, made when first needed.

    Raises NotSetUp.
    """
    row = _find_single()
    if row is not None:
        return row
    try:
        with transaction.atomic():
            return create_authority(
                CertificateAuthorityRole.SINGLE,
                organization_name=get_organization().name,
                key_type=SINGLE_KEY_TYPE,
                now=now,
            )
    except IntegrityError:
        # Somebody else has made it meanwhile.
        return CertificateAuthority.objects.get(
            role=CertificateAuthorityRole.SINGLE, state=CertificateAuthorityState.ACTIVE
        )


def rotate_single_authority(authority: CertificateAuthority, *, now: datetime) -> bool:
    """Put a new CA in the place of this one; return False where that was done already.

    The old one still opens what was encrypted to it, and keeps its revocation list going.
    """
    with transaction.atomic():
        # Two workers may sweep at once: the one whose update finds it active makes the new one.
        mine = CertificateAuthority.objects.filter(
            pk=authority.pk, state=CertificateAuthorityState.ACTIVE
        )
        retired = CertificateAuthorityState.RETIRED
        if not mine.update(state=retired, retired_at=now, updated_at=now):
            return False
        following = create_authority(
            CertificateAuthorityRole.SINGLE,
            organization_name=get_organization().name,
            key_type=SINGLE_KEY_TYPE,
            now=now,
        )
        authority.scep_profiles.update(issuing_ca=following, updated_at=now)
    return True


def build_row(
    certificate: x509.Certificate, *, role: CertificateAuthorityRole, key: PrivateKey | None
) -> CertificateAuthority:
    """Return the unsaved row of a CA."""
    der = encode_certificate(certificate)
    return CertificateAuthority(
        role=role,
        name=_get_name(certificate),
        certificate=der,
        fingerprint=fingerprint(der),
        private_key=encode_private_key(key) if key else None,
        not_after=certificate.not_valid_after_utc,
    )


def build_name(organization_name: str, *, role: str) -> Subject:
    """Return a subject whose common name keeps the role even where the name is long."""
    room = MAX_NAME_BYTES - len(role.encode()) - 1
    return Subject(f"{cut_text(organization_name, size=room)} {role}", organization_name)


def _find_single() -> CertificateAuthority | None:
    return CertificateAuthority.objects.filter(
        role=CertificateAuthorityRole.SINGLE, state=CertificateAuthorityState.ACTIVE
    ).first()


def _number(role: CertificateAuthorityRole) -> str:
    """Return the role's label, numbered from the second on: no two CAs share a name."""
    earlier = CertificateAuthority.objects.filter(role=role, is_imported=False).count()
    return f"{role.label} {earlier + 1}" if earlier else str(role.label)


def _get_name(certificate: x509.Certificate) -> str:
    """Return the common name, or the whole subject of a CA without one, at most 200 characters."""
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    name = clean_text(str(names[0].value)) if names else ""
    return (name or describe_name(certificate.subject))[:200]
