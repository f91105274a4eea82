"""An organization's own issuing CA comes to live here."""

from datetime import datetime

from cryptography import x509
from django.db import IntegrityError, transaction

from scep.errors import AuthorityConflict
from scep.models import (
    CertificateAuthority,
    CertificateAuthorityRole,
    CertificateAuthorityState,
    ServicePurpose,
)
from scep.protocol.authority_bundle import decode_bundle
from scep.protocol.certificate_bundle import CertificateBundle
from scep.protocol.certificates import encode_certificate, fingerprint
from scep.selectors import find_next_ca
from scep.services.authorities import build_row
from scep.services.permitted_names import check_own_names
from scep.services.rotation import ONE_AT_A_TIME, record_change
from scep.services.service_certificates import create_service_certificate


def import_authority(
    data: bytes, *, key: bytes | None = None, password: str = "", actor: str, now: datetime
) -> CertificateAuthority:
    """Store an issuing CA with its key, and the CAs above it without; it becomes the next CA.

    `data`: PEM bundle or PKCS#12; `key`: PEM, where it is not in `data`. It gets an RA at once.
    Raises AuthorityInvalid, which says what is wrong with it, or AuthorityConflict.
    """
    bundle = decode_bundle(data, key=key, password=password, now=now)
    _check_unknown(bundle)
    check_own_names(bundle)
    if find_next_ca() is not None:
        raise AuthorityConflict(ONE_AT_A_TIME)
    try:
        with transaction.atomic():
            authority = _store(bundle)
            create_service_certificate(ServicePurpose.SCEP_RA, issuer=authority, now=now)
            record_change("import", authority, actor=actor)
    except IntegrityError as error:
        raise AuthorityConflict(ONE_AT_A_TIME) from error
    return authority


def _check_unknown(bundle: CertificateBundle) -> None:
    known = _find_row(bundle.certificate)
    if known is None:
        return
    if known.role == CertificateAuthorityRole.EXTERNAL:
        raise AuthorityConflict(_explain_external(known))
    raise AuthorityConflict(
        f"{known.name} is here already ({known.get_role_display()}, "
        f"{known.get_state_display().lower()})."
    )


def _explain_external(known: CertificateAuthority) -> str:
    """Return why a CA that is trusted as somebody else's cannot issue here, and what to do.

    Whether a certificate is ours or a stranger's, and what its device may do, hangs on the row of
    its CA: it would change for every device at once.
    """
    why = f"{known.name} is trusted as an external CA, and one CA is not both."
    if known.issued.exists():
        return (
            f"{why} Devices have certificates of it and would lose them. Have the CA certified "
            "again with the same key, and import that certificate: the devices keep theirs."
        )
    names = ", ".join(f"“{each.name}”" for each in known.trusting_profiles.order_by("name"))
    if names:
        return f"{why} Take it from the trusted CAs of {names} first, or delete that SCEP profile."
    return f"{why} It stands above an imported CA; import it when that is cancelled."


def _store(bundle: CertificateBundle) -> CertificateAuthority:
    parent: CertificateAuthority | None = None
    for each in reversed(bundle.above):
        parent = _find_above(each, parent=parent) or _store_above(each, parent=parent)
    row = build_row(bundle.certificate, role=CertificateAuthorityRole.ISSUING, key=bundle.key)
    row.parent, row.is_imported = parent, True
    row.state = CertificateAuthorityState.NEXT
    row.save()
    return row


def _find_above(
    certificate: x509.Certificate, *, parent: CertificateAuthority | None
) -> CertificateAuthority | None:
    """Return the CA where it is here; one that a SCEP profile trusts knew none above it so far."""
    row = _find_row(certificate)
    if row is not None and row.parent is None and parent is not None:
        row.parent = parent
        row.save(update_fields=["parent", "updated_at"])
    return row


def _store_above(
    certificate: x509.Certificate, *, parent: CertificateAuthority | None
) -> CertificateAuthority:
    role = CertificateAuthorityRole.INTERMEDIATE if parent else CertificateAuthorityRole.ROOT
    row = build_row(certificate, role=role, key=None)
    row.parent, row.is_imported = parent, True
    row.save()
    return row


def _find_row(certificate: x509.Certificate) -> CertificateAuthority | None:
    digest = fingerprint(encode_certificate(certificate))
    return CertificateAuthority.objects.filter(fingerprint=digest).first()
