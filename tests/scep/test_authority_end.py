"""A CA whose key may be in other hands: it gives way, is revoked, and openssl hears of it."""

from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from django.utils import timezone

from enrollment.models import LogEntry
from organization.models import AuditEntry
from scep.errors import AuthorityInvalid, RevocationReasonInvalid
from scep.models import CertificateAuthority, IssuedCertificate, ScepProfile
from scep.selectors import (
    find_pinned_authority,
    get_certificate,
    get_issuing_ca,
    get_root_ca,
    list_chain,
    list_recipients,
    verify_identity,
)
from scep.services.authorities import ensure_single_authority
from scep.services.authority_end import revoke_authority, rotate_authority
from scep.services.ocsp import answer_ocsp
from scep.services.revocation import ensure_crl
from tests.scep.certifying import certify
from tests.scep.conftest import STATIC_CHALLENGE
from tests.scep.corporate_ca import make_corporation
from tests.scep.device import Device, make_key
from tests.scep.relying_party import build_request, check_with_lists, read_statuses
from tests.scep.renewing import Certify
from tests.scep.reply import read_reply
from tests.scep.rotating import ACTOR, activate, ask, prepare
from tests.scep.test_authority_import import import_ca

pytestmark = pytest.mark.django_db
SUCCESS = "0"


def revoke(authority: CertificateAuthority, *, reason: str = "key_compromise") -> None:
    revoke_authority(authority, reason=reason, actor=ACTOR, now=timezone.now())


def make_list(authority: CertificateAuthority) -> bytes:
    return bytes(ensure_crl(authority, now=timezone.now()).der or b"")


def judge(row: IssuedCertificate, *, folder: Path) -> str:
    """What openssl finds with the lists of all CAs above the certificate."""
    chain = list_chain(row.issuer)
    return check_with_lists(
        get_certificate(row),
        chain=[get_certificate(each) for each in chain],
        lists=[make_list(each) for each in chain],
        folder=folder,
        check="-crl_check_all",
    )


def ask_root(authority: CertificateAuthority) -> list[str]:
    root = get_root_ca()
    request = build_request([(get_certificate(authority), get_certificate(root))])
    return read_statuses(answer_ocsp(request, authority=root, now=timezone.now()).der)


@pytest.fixture
def retired(bootstrapped: None) -> tuple[CertificateAuthority, IssuedCertificate]:
    """A CA that issues no more, and what it has issued."""
    old = get_issuing_ca()
    row = certify(now=timezone.now())[1]
    activate(prepare())
    old.refresh_from_db()
    return old, row


def test_openssl_believes_nothing_of_a_revoked_ca(
    retired: tuple[CertificateAuthority, IssuedCertificate], tmp_path: Path
) -> None:
    old, before = retired
    after = certify(now=timezone.now())[1]
    assert (judge(before, folder=tmp_path), ask_root(old)) == ("OK", ["good"])
    revoke(old)
    assert (judge(before, folder=tmp_path), ask_root(old)) == ("certificate revoked", ["revoked"])
    assert (judge(after, folder=tmp_path), ask_root(get_issuing_ca())) == ("OK", ["good"])
    # This server knows the certificate by itself, and its device is managed still.
    assert verify_identity(get_certificate(before), now=timezone.now()) == before
    entry = AuditEntry.objects.get(action="authority.revoke")
    assert (entry.subject_id, entry.actor) == (old.public_id, ACTOR)
    assert entry.detail["reason"] == "key_compromise"


def test_clients_renew_before_their_time_once_their_ca_is_revoked(
    static_profile: ScepProfile, ra: x509.Certificate, enroll: Certify
) -> None:
    old, _ = enroll(static_profile)
    authority = get_issuing_ca()
    new = activate(prepare())
    device = Device(key=make_key(1))
    message = device.build_renewal(ra=ra, old=old, old_key=make_key())
    successors = IssuedCertificate.objects.filter(renews__isnull=False)
    ask(static_profile, message)
    assert not successors.exists()
    authority.refresh_from_db()
    revoke(authority)
    ask(static_profile, message)
    assert successors.get().issuer == new


def test_ca_is_revoked_once(retired: tuple[CertificateAuthority, IssuedCertificate]) -> None:
    old, _ = retired
    revoke(old)
    revoked_at = old.revoked_at
    revoke(old, reason="superseded")
    old.refresh_from_db()
    assert (old.revoked_at, old.revocation_reason) == (revoked_at, "key_compromise")
    assert AuditEntry.objects.filter(action="authority.revoke").count() == 1


def test_revoking_is_refused_when_it_makes_no_sense(
    retired: tuple[CertificateAuthority, IssuedCertificate],
) -> None:
    old, _ = retired
    foreign = activate(import_ca(make_corporation()))
    activate(prepare())
    foreign.refresh_from_db()
    for authority, reason in (
        (get_issuing_ca(), "in use"),
        (get_root_ca(), "not an issuing CA"),
        (foreign, "signed elsewhere"),
    ):
        with pytest.raises(AuthorityInvalid, match=reason):
            revoke(authority)
    with pytest.raises(RevocationReasonInvalid):
        revoke(old, reason="boredom")
    assert not CertificateAuthority.objects.filter(revoked_at__isnull=False).exists()


def test_scep_ca_gives_way_and_opens_nothing_once_it_is_revoked(
    static_profile: ScepProfile,
) -> None:
    now = timezone.now()
    old = ensure_single_authority(now=now)
    ScepProfile.objects.filter(pk=static_profile.pk).update(single_certificate=True, issuing_ca=old)
    new = rotate_authority(old, actor=ACTOR, now=now)
    static_profile = ScepProfile.objects.get(pk=static_profile.pk)
    assert static_profile.issuing_ca == new
    assert [each.row.pk for each in list_recipients(static_profile)] == [new.pk, old.pk]
    find: Any = {"name": old.public_id, "now": timezone.now()}
    assert find_pinned_authority(**find) == old
    old.refresh_from_db()
    revoke(old)
    assert [each.row.pk for each in list_recipients(static_profile)] == [new.pk]
    assert find_pinned_authority(**find) is None
    assert AuditEntry.objects.get(action="authority.rotate").subject_id == new.public_id
    for authority, reason in ((old, "does not issue any more"), (get_issuing_ca(), "prepare")):
        with pytest.raises(AuthorityInvalid, match=reason):
            rotate_authority(authority, actor=ACTOR, now=now)


def test_log_says_what_a_client_has_to_do_when_it_knows_a_revoked_scep_ca_only(
    static_profile: ScepProfile,
) -> None:
    now = timezone.now()
    old = ensure_single_authority(now=now)
    ScepProfile.objects.filter(pk=static_profile.pk).update(single_certificate=True, issuing_ca=old)
    known = get_certificate(old)
    message = Device().build_request(ra=known, challenge=STATIC_CHALLENGE)
    rotate_authority(old, actor=ACTOR, now=now)
    reply = read_reply(ask(static_profile, message), chain=[known, get_certificate(get_root_ca())])
    assert reply.status == SUCCESS
    old.refresh_from_db()
    revoke(old)
    ask(static_profile, Device().build_request(ra=known, challenge=STATIC_CHALLENGE))
    entry = LogEntry.objects.get(code="scep_request_rejected")
    assert "has to ask for the CA's certificates anew" in entry.message
