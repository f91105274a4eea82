"""A CA with its key, encrypted under a password, to be kept where fire and theft do not reach."""

from datetime import datetime

from django.db import transaction

from organization.services import audit
from scep.errors import AuthorityConflict, AuthorityInvalid
from scep.models import CertificateAuthority
from scep.protocol.certificates import decode_private_key
from scep.protocol.pkcs12 import build_authority_pkcs12
from scep.selectors import get_certificate, list_chain

MIN_PASSWORD = 12


def export_authority(
    authority: CertificateAuthority, *, password: str, actor: str, now: datetime
) -> bytes:
    """Return PKCS#12 (AES-256) with the CA's key and the certificates up to the root; audited.

    Raises AuthorityConflict for a CA whose key is not here, AuthorityInvalid for a password of
    less than 12 characters: whoever finds the file can try passwords for ever.
    """
    if len(password) < MIN_PASSWORD:
        message = f"The password needs at least {MIN_PASSWORD} characters."
        raise AuthorityInvalid(message, field="password")
    if not authority.private_key:
        raise AuthorityConflict(f"The key of {authority.name} is not here.")
    certificate, *above = [get_certificate(row) for row in list_chain(authority)]
    # Written before the file leaves: no export without an entry.
    with transaction.atomic():
        audit.record(
            actor,
            action="authority.export",
            subject_id=authority.public_id,
            subject=authority.name,
            detail={"fingerprint": authority.fingerprint, "exported_at": now.isoformat()},
        )
        return build_authority_pkcs12(
            decode_private_key(bytes(authority.private_key)),
            certificate=certificate,
            above=above,
            name=authority.name,
            password=password,
        )
