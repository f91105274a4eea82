"""The CAs: which issues, which comes next, what is above one, and what signs with its key."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from cryptography import x509
from django.conf import settings
from django.utils import timezone

from organization.errors import NotSetUp
from organization.models import Given, PreparedSelect
from organization.protocol.public_id import is_public_id
from scep.models import (
    CertificateAuthority,
    CertificateAuthorityRole,
    CertificateAuthorityState,
    IssuedCertificate,
    ServiceCertificate,
)
from scep.protocol.certificates import decode_certificate, decode_private_key
from scep.protocol.issuing import Links, Signer
from scep.protocol.name_constraints import read_constraints

ACTIVE = PreparedSelect(
    lambda: (
        CertificateAuthority.objects.select_related("parent")
        .filter(role=Given("role"), state=CertificateAuthorityState.ACTIVE)
        .order_by("-id")
    )
)
ISSUING = PreparedSelect(
    lambda: (
        CertificateAuthority.objects.filter(
            role=CertificateAuthorityRole.ISSUING,
            state__in=[CertificateAuthorityState.ACTIVE, CertificateAuthorityState.RETIRED],
            not_after__gt=Given("now"),
        )
        .select_related("parent")
        .defer("private_key", "parent__private_key")
    )
)


def get_root_ca() -> CertificateAuthority:
    """Return our own root CA, never an imported one; raises NotSetUp."""
    return _get_active_ca(CertificateAuthorityRole.ROOT, with_imported=False)


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
    for row in ISSUING.all(now=timezone.now()):
        root = list_chain(row)[-1]
        roots.setdefault(root.pk, root)
    return list(roots.values())


def list_chain(authority: CertificateAuthority) -> list[CertificateAuthority]:
    """Return the CA and those above it, the root last."""
    chain = [authority]
    while chain[-1].parent is not None:
        chain.append(chain[-1].parent)
    return chain


def list_name_constraints(authority: CertificateAuthority) -> tuple[x509.NameConstraints, ...]:
    """Return what restricts the names that the CA certifies: its own, and those of CAs above it."""
    return _read_limits(authority.pk, authority.fingerprint).name_constraints


def get_chain_end(authority: CertificateAuthority) -> datetime:
    """Return until when what it signs can be verified: a CA above an imported one may end first."""
    return _read_limits(authority.pk, authority.fingerprint).end


@dataclass(frozen=True)
class _Limits:
    """What bounds the certificates of a CA: restrictions of names, and the end of its chain."""

    name_constraints: tuple[x509.NameConstraints, ...]
    end: datetime


# Who is above a CA never changes, and each certificate that is issued asks.
@lru_cache(maxsize=64)
def _read_limits(pk: int, _fingerprint: str) -> _Limits:
    row = CertificateAuthority.objects.defer("private_key").get(pk=pk)
    chain = [get_certificate(each) for each in list_chain(row)]
    found = (read_constraints(each) for each in chain)
    return _Limits(
        name_constraints=tuple(each for each in found if each is not None),
        end=min(each.not_valid_after_utc for each in chain),
    )


def list_certified_again(authority_id: int) -> list[int]:
    """Return the primary keys of this CA's rows: of those with its name and key, its own too.

    A CA whose certificate ends may be certified again without a new key. To whoever verifies it is
    the same one: a revocation list of either speaks for both (RFC 5280 section 6.3.3).
    """
    rows = CertificateAuthority.objects.filter(private_key__isnull=False)
    known = {
        pk: decode_certificate(bytes(der)) for pk, der in rows.values_list("pk", "certificate")
    }
    if authority_id not in known:
        return [authority_id]  # somebody else's
    own = known[authority_id]
    key = own.public_key()
    return sorted(
        pk for pk, each in known.items() if each.subject == own.subject and each.public_key() == key
    )


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


def _get_active_ca(
    role: CertificateAuthorityRole, *, with_imported: bool = True
) -> CertificateAuthority:
    rows = (row for row in ACTIVE.all(role=role) if with_imported or not row.is_imported)
    row = next(rows, None)
    if row is None:
        raise NotSetUp("there is no certificate authority yet: run manage.py bootstrap")
    return row
