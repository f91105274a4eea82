"""A CA whose certificate ends is certified again with the same key, and brought here again."""

from pathlib import Path

import pytest
from cryptography import x509
from django.utils import timezone

from scep.models import CertificateAuthority, IssuedCertificate
from scep.selectors import get_certificate, list_chain
from scep.services.authority_import import import_authority
from scep.services.issuance import revoke_certificate
from scep.services.ocsp import answer_ocsp
from scep.services.revocation import ensure_crl
from scep.services.rotation import activate_authority
from tests.scep.certifying import certify
from tests.scep.corporate_ca import CorporateCa, make_corporation
from tests.scep.relying_party import build_request, check_with_lists, read_statuses

pytestmark = pytest.mark.django_db


def bring(ca: CorporateCa) -> CertificateAuthority:
    now = timezone.now()
    row = import_authority(ca.bundle, actor="tests", now=now)
    return activate_authority(row, actor="tests", now=now)


def issue() -> IssuedCertificate:
    return certify(now=timezone.now())[1]


def make_list(authority: CertificateAuthority) -> bytes:
    return bytes(ensure_crl(authority, now=timezone.now()).der or b"")


def list_serials(der: bytes) -> set[int]:
    return {entry.serial_number for entry in x509.load_der_x509_crl(der)}


def test_lists_and_ocsp_of_either_speak_for_both(tmp_path: Path) -> None:
    """Relying parties know a CA by name and key, and take whichever list is the newest."""
    first = make_corporation(days=400)
    old, before, still_good = bring(first), issue(), issue()
    make_list(old)
    renewed = CorporateCa(first.name, parent=first.parent, key=first.key, days=800)
    new, after = bring(renewed), issue()
    assert after.issuer == new
    make_list(new)
    for row in (before, after):
        revoke_certificate(row, reason="superseded", now=timezone.now())
    revoked = {get_certificate(row).serial_number for row in (before, after)}
    chain = [get_certificate(each) for each in list_chain(new)]
    for authority in (old, new):
        der = make_list(authority)
        assert list_serials(der) == revoked
        found = [
            check_with_lists(get_certificate(row), chain=chain, lists=[der], folder=tmp_path)
            for row in (before, after, still_good)
        ]
        assert found == ["certificate revoked", "certificate revoked", "OK"]
        asked = [(get_certificate(row), chain[0]) for row in (before, after, still_good)]
        answer = answer_ocsp(build_request(asked), authority=authority, now=timezone.now())
        assert read_statuses(answer.der) == ["revoked", "revoked", "good"]


@pytest.mark.parametrize("same", ["name", "key"])
def test_another_ca_is_another_where_name_or_key_alone_is_the_same(same: str) -> None:
    first = make_corporation()
    old, before = bring(first), issue()
    other = {"name": CorporateCa(first.name, parent=first.parent)}.get(
        same, CorporateCa("Another CA", parent=first.parent, key=first.key)
    )
    new = bring(other)
    revoke_certificate(before, reason="superseded", now=timezone.now())
    assert list_serials(make_list(old))
    assert not list_serials(make_list(new))
