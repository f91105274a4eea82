"""A renewal as jscep and certmonger ask for it: a PKCSReq that the old certificate signs."""

from typing import Any

import pytest
from cryptography import x509
from django.utils import timezone

from scep.models import (
    ChallengePurpose,
    ChallengeType,
    DynamicChallenge,
    IssuedCertificate,
    ScepProfile,
)
from scep.selectors import get_certificate
from scep.services.challenges import create_dynamic_challenge
from scep.services.issuance import revoke_certificate
from tests.scep.conftest import STATIC_CHALLENGE
from tests.scep.device import Device, encrypt, make_csr, make_key, make_self_signed
from tests.scep.renewing import (
    BAD_MESSAGE_CHECK,
    SESSION,
    Certify,
    assert_not_renewed,
)
from tests.scep.reply import decrypt_certificates

pytestmark = pytest.mark.django_db
OTHER_SESSION = "ses_" + "h" * 20


@pytest.fixture
def profile(renewable_profile: ScepProfile) -> ScepProfile:
    return renewable_profile


def build(
    *,
    ra: x509.Certificate,
    old: x509.Certificate,
    challenge: str | None = STATIC_CHALLENGE,
    key: int = 1,
    transaction_id: str = "",
    name: str = "host.example.com",
) -> bytes:
    device = Device(key=make_key(key) if key else make_key())
    device.transaction_id = transaction_id or device.transaction_id
    csr = make_csr(device.key, challenge=challenge, names=[name])
    return device.build_renewal(ra=ra, old=old, old_key=make_key(), csr=csr, message_type="19")


def become_dynamic(profile: ScepProfile) -> None:
    ScepProfile.objects.filter(pk=profile.pk).update(challenge_type=ChallengeType.DYNAMIC)
    profile.refresh_from_db()


def make_challenge(profile: ScepProfile, *, session_id: str, **options: Any) -> str:
    return create_dynamic_challenge(profile, session_id=session_id, now=timezone.now(), **options)


def test_new_key_gets_a_successor_when_the_old_certificate_signs(
    profile: ScepProfile, ra: x509.Certificate, ask: Any, enroll: Certify
) -> None:
    old, row = enroll(profile)
    message = build(ra=ra, old=old)
    certificates = set()
    for _ in range(2):  # an answer may be lost
        reply = ask(profile, message)
        assert reply.status == "0"
        certificates |= set(decrypt_certificates(reply, key=make_key(), certificate=old))
    (new,) = certificates
    assert new.public_key() == make_key(1).public_key()
    assert new.subject == old.subject
    successor = IssuedCertificate.objects.get(renews=row)
    assert (get_certificate(successor), successor.session_id) == (new, SESSION)


def test_same_key_gets_a_successor_when_its_transaction_id_comes_again(
    profile: ScepProfile, ra: x509.Certificate, ask: Any, enroll: Certify
) -> None:
    """Both derive the transactionID from the key: it is that of the enrollment."""
    old, row = enroll(profile)
    message = build(ra=ra, old=old, key=0, transaction_id=str(row.transaction_id))
    seen = [
        decrypt_certificates(ask(profile, message), key=make_key(), certificate=old)
        for _ in range(2)
    ]
    assert seen[0] == seen[1] != [old]
    successor = IssuedCertificate.objects.get(renews=row)
    # And the successor, once more.
    second = get_certificate(successor)
    message = build(ra=ra, old=second, key=0, transaction_id=str(row.transaction_id))
    assert ask(profile, message).status == "0"
    assert IssuedCertificate.objects.filter(renews=successor).count() == 1


def test_renewal_does_not_wait_when_enrollments_are_held(
    profile: ScepProfile, ra: x509.Certificate, ask: Any, enroll: Certify
) -> None:
    old, _ = enroll(profile)
    ScepProfile.objects.update(hold_for_approval=True)
    assert ask(profile, build(ra=ra, old=old)).status == "0"


def test_one_time_challenge_is_used_up_when_it_renews(
    profile: ScepProfile, ra: x509.Certificate, ask: Any, enroll: Certify
) -> None:
    old, row = enroll(profile)
    become_dynamic(profile)
    challenge = make_challenge(profile, session_id=SESSION)
    message = build(ra=ra, old=old, challenge=challenge)
    assert [ask(profile, message).status for _ in range(2)] == ["0", "0"]  # the same again
    assert DynamicChallenge.objects.get().consumed_at is not None
    other = build(ra=ra, old=old, challenge=challenge, key=2)
    assert ask(profile, other).status == "2"
    assert IssuedCertificate.objects.filter(renews=row).count() == 1


@pytest.mark.parametrize("challenge", [None, "", "wrong"])
def test_renewal_by_pkcs_req_is_refused_when_its_challenge_is_wrong(
    profile: ScepProfile, ra: x509.Certificate, ask: Any, enroll: Certify, challenge: str | None
) -> None:
    """S1, S2: the type asks for a challenge, whatever certificate signs."""
    old, _ = enroll(profile)
    assert_not_renewed(ask(profile, build(ra=ra, old=old, challenge=challenge)))


@pytest.mark.parametrize(
    ("session_id", "purpose"),
    [
        (OTHER_SESSION, ChallengePurpose.ENROLLMENT),
        ("", ChallengePurpose.ENROLLMENT),
        (SESSION, ChallengePurpose.TEST),
        (SESSION, ChallengePurpose.PROFILE_SERVICE),
    ],
)
def test_challenge_is_neither_used_nor_used_up_when_it_is_not_the_certificates(
    profile: ScepProfile, ra: x509.Certificate, ask: Any, enroll: Certify,
    refusals: list[dict[str, Any]],
    session_id: str,
    purpose: ChallengePurpose,
) -> None:  # fmt: skip
    """A device that signs what another one has encrypted gets nothing, and spends nothing."""
    old, _ = enroll(profile)
    become_dynamic(profile)
    challenge = make_challenge(profile, session_id=session_id, purpose=purpose)
    reply = ask(profile, build(ra=ra, old=old, challenge=challenge))
    assert_not_renewed(reply, fail_info=BAD_MESSAGE_CHECK)
    assert DynamicChallenge.objects.get().consumed_at is None
    assert IssuedCertificate.objects.count() == 1
    assert challenge not in str(refusals)


def test_new_key_is_refused_when_the_certificate_may_not_be_renewed(
    static_profile: ScepProfile, ra: x509.Certificate, ask: Any, enroll: Certify,
    refusals: list[dict[str, Any]],
) -> None:  # fmt: skip
    """S3 and S4; the log says which certificate it is, the device learns no more than ever."""
    old, row = enroll(static_profile)
    message = build(ra=ra, old=old)

    def refuse() -> str:
        reply = ask(static_profile, message)
        assert_not_renewed(reply, fail_info=BAD_MESSAGE_CHECK)
        return str(refusals[-1]["message"])

    assert "may not be renewed yet" in refuse()
    ScepProfile.objects.update(renewal_days=400)
    revoke_certificate(row, reason="superseded", now=timezone.now())
    assert "was revoked" in refuse()
    message = build(ra=ra, old=make_self_signed(make_key()))
    assert refuse() == "the message is signed with another key than the request's"


def test_same_key_enrolls_as_ever_when_its_certificate_may_not_be_renewed(
    static_profile: ScepProfile, ra: x509.Certificate, ask: Any, enroll: Certify
) -> None:
    old, row = enroll(static_profile)
    again = build(ra=ra, old=old, key=0, transaction_id=str(row.transaction_id))
    reply = ask(static_profile, again)
    assert decrypt_certificates(reply, key=make_key(), certificate=old) == [old]
    reply = ask(static_profile, build(ra=ra, old=old, key=0))
    assert reply.status == "0"
    assert not IssuedCertificate.objects.filter(renews__isnull=False).exists()
    assert IssuedCertificate.objects.count() == 2


def test_same_key_gets_its_certificate_again_when_its_challenge_renews_nothing(
    profile: ScepProfile, ra: x509.Certificate, ask: Any, enroll: Certify
) -> None:
    """A client that asks once more for what it has is no worse off for signing with it."""
    old, row = enroll(profile)
    become_dynamic(profile)  # what it enrolled with is worth nothing any more
    again = build(ra=ra, old=old, key=0, transaction_id=str(row.transaction_id))
    assert decrypt_certificates(ask(profile, again), key=make_key(), certificate=old) == [old]
    assert IssuedCertificate.objects.get() == row


def test_what_cannot_be_decrypted_looks_the_same_when_a_good_certificate_signs(
    profile: ScepProfile, ra: x509.Certificate, ask: Any, enroll: Certify,
    refusals: list[dict[str, Any]],
) -> None:  # fmt: skip
    """S7."""
    from cryptography.hazmat.primitives.asymmetric import ec

    from tests.scep.device import sign

    old, _ = enroll(profile)
    good = make_csr(make_key(1), challenge=STATIC_CHALLENGE)
    broken = [
        encrypt(good, recipients=[ra], break_key=True),
        encrypt(good, recipients=[ra], break_padding=True),
        encrypt(b"no request at all", recipients=[ra]),
        encrypt(good[:-1] + bytes([good[-1] ^ 1]), recipients=[ra]),
    ]
    for enveloped in broken:
        device = Device(key=make_key(1))
        attributes = device.get_attributes()
        message = sign(enveloped, key=make_key(), certificate=old, attributes=attributes)
        assert_not_renewed(ask(profile, message), fail_info=BAD_MESSAGE_CHECK)
    weak = make_csr(ec.generate_private_key(ec.SECP256R1()), challenge=STATIC_CHALLENGE)
    device = Device()
    message = device.build_renewal(ra=ra, old=old, old_key=make_key(), csr=weak, message_type="19")
    assert ask(profile, message).status == "2"
    assert not IssuedCertificate.objects.filter(renews__isnull=False).exists()


def test_certificate_is_renewed_three_times_at_most_when_the_challenge_is_static(
    profile: ScepProfile, ra: x509.Certificate, ask: Any, enroll: Certify,
    refusals: list[dict[str, Any]],
) -> None:  # fmt: skip
    old, row = enroll(profile)
    seen = [ask(profile, build(ra=ra, old=old, key=1 + n % 3)).status for n in range(5)]
    assert seen == ["0", "0", "0", "2", "2"]
    assert IssuedCertificate.objects.filter(renews=row).count() == 3
    assert {refused["session_id"] for refused in refusals} == {SESSION}  # of the certificate
