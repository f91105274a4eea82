"""RenewalReq: who gets a successor for a certificate, and when (S4)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from django.db import connection
from django.utils import timezone

from scep.models import (
    CertificateStatus,
    ChallengePurpose,
    IssuedCertificate,
    ScepProfile,
)
from scep.selectors import get_certificate, get_renewal_window
from scep.services.challenges import create_dynamic_challenge
from scep.services.issuance import note_device
from scep.services.pki_operation import handle_pki_operation
from tests.scep.conftest import STATIC_CHALLENGE
from tests.scep.device import (
    Device,
    make_csr,
    make_key,
)
from tests.scep.renewing import BAD_TIME, SESSION, Certify, assert_not_renewed, renew
from tests.scep.reply import decrypt_certificates

pytestmark = pytest.mark.django_db


@pytest.fixture
def profile(renewable_profile: ScepProfile) -> ScepProfile:
    return renewable_profile


def test_successor_has_the_same_names_when_a_certificate_is_renewed(
    profile: ScepProfile, ra: x509.Certificate, ask: Any, enroll: Certify
) -> None:
    """S4, S5: whatever the request names, the successor is named like the old one."""
    old, row = enroll(profile)
    note_device(row, device_id="dev_" + "a" * 20)
    device = Device(key=make_key(1), name="somebody else")
    reply = ask(profile, device.build_renewal(ra=ra, old=old, old_key=make_key()))
    assert reply.status == "0"
    (new,) = decrypt_certificates(reply, key=make_key(), certificate=old)
    assert new.public_key() == make_key(1).public_key()
    assert new.subject == old.subject
    assert new.serial_number != old.serial_number
    successor = IssuedCertificate.objects.get(renews=row)
    assert (successor.session_id, successor.device_id) == (SESSION, "dev_" + "a" * 20)
    row.refresh_from_db()
    assert row.status == CertificateStatus.ISSUED


def test_names_stay_when_the_profile_has_changed_since(
    profile: ScepProfile, ra: x509.Certificate, ask: Any, enroll: Certify
) -> None:
    ScepProfile.objects.update(subject_alternative_names=["uri=urn:mdm:{session}"])
    profile.refresh_from_db()
    old, row = enroll(profile)
    ScepProfile.objects.update(subject=["CN=changed"], subject_alternative_names=[])
    own = old.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    csr = make_csr(make_key(1), extensions=[(own, False)])
    reply = renew(ask, profile, ra=ra, old=old, csr=csr)
    assert reply.status == "0"
    new = get_certificate(IssuedCertificate.objects.get(renews=row))
    assert new.subject == old.subject
    names = new.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == [f"urn:mdm:{SESSION}"]


def test_same_key_may_be_renewed_when_its_transaction_id_comes_again(
    profile: ScepProfile, ra: x509.Certificate, ask: Any, enroll: Certify
) -> None:
    """Many clients derive the transactionID from the key."""
    old, row = enroll(profile)
    device = Device(transaction_id=str(row.transaction_id))
    message = device.build_renewal(ra=ra, old=old, old_key=make_key())
    certificates = set()
    for _ in range(3):
        reply = ask(profile, message)
        assert reply.status == "0"
        certificates |= set(decrypt_certificates(reply, key=make_key(), certificate=old))
    assert len(certificates) == 1
    assert old not in certificates
    assert IssuedCertificate.objects.filter(renews=row).count() == 1


def test_successor_is_renewed_when_its_time_comes(
    profile: ScepProfile, ra: x509.Certificate, ask: Any, enroll: Certify
) -> None:
    old, _ = enroll(profile)
    reply = renew(ask, profile, ra=ra, old=old)
    (second,) = decrypt_certificates(reply, key=make_key(), certificate=old)
    device = Device(key=make_key(2))
    reply = ask(profile, device.build_renewal(ra=ra, old=second, old_key=make_key(1)))
    (third,) = decrypt_certificates(reply, key=make_key(1), certificate=second)
    assert third.subject == old.subject


def test_challenge_is_not_asked_for_when_the_certificate_is_good(
    profile: ScepProfile, ra: x509.Certificate, ask: Any, enroll: Certify
) -> None:
    old, _ = enroll(profile)
    csr = make_csr(make_key(1), challenge="wrong")
    assert renew(ask, profile, ra=ra, old=old, csr=csr).status == "0"


def test_renewal_waits_for_its_window(
    static_profile: ScepProfile, ra: x509.Certificate, ask: Any, enroll: Certify
) -> None:
    """S4: badTime before the last 122 of 365 days."""
    old, row = enroll(static_profile)
    life = row.not_after - row.not_before
    assert get_renewal_window(row) == row.not_after - life / 3
    assert_not_renewed(renew(ask, static_profile, ra=ra, old=old), fail_info=BAD_TIME)
    now = timezone.now()
    IssuedCertificate.objects.update(
        not_before=now - timedelta(days=265), not_after=now + timedelta(days=100)
    )
    assert renew(ask, static_profile, ra=ra, old=old).status == "0"


@pytest.mark.parametrize(
    ("life", "renewal_days", "ahead"), [(400, None, 400 / 3), (900, None, 180), (400, 30, 30)]
)
def test_window_is_the_profiles_or_180_days_or_a_third(
    profile: ScepProfile, enroll: Certify, life: int, renewal_days: int | None, ahead: float
) -> None:
    _, row = enroll(profile)
    profile.renewal_days = renewal_days
    row.scep_profile = profile
    row.not_before = row.not_after - timedelta(days=life)
    assert get_renewal_window(row) == row.not_after - timedelta(days=ahead)
    row.scep_profile, row.scep_profile_id = None, None
    expected = min(timedelta(days=180), timedelta(days=life) / 3)
    assert get_renewal_window(row) == row.not_after - expected


def test_certificate_brings_few_successors(
    profile: ScepProfile, ra: x509.Certificate, ask: Any, enroll: Certify
) -> None:
    old, row = enroll(profile)
    statuses = [
        ask(profile, Device(key=key).build_renewal(ra=ra, old=old, old_key=make_key())).status
        for key in map(make_key, range(1, 6))
    ]
    assert statuses == ["0", "0", "0", "2", "2"]
    assert IssuedCertificate.objects.filter(renews=row).count() == 3


def run_at_once(messages: list[bytes], *, profile: ScepProfile) -> None:
    def handle(message: bytes) -> None:
        try:
            handle_pki_operation(message, scep_profile=profile, now=timezone.now())
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=len(messages)) as pool:
        list(pool.map(handle, messages))


@pytest.mark.django_db(transaction=True)
def test_certificate_brings_few_successors_when_many_are_asked_for_at_once(
    profile: ScepProfile, ra: x509.Certificate, enroll: Certify
) -> None:
    old, row = enroll(profile)
    messages = [
        Device(key=make_key(n)).build_renewal(ra=ra, old=old, old_key=make_key())
        for n in range(1, 7)
    ]
    run_at_once(messages, profile=profile)
    issued = IssuedCertificate.objects.filter(renews=row, status=CertificateStatus.ISSUED)
    assert 1 <= issued.count() <= 3


@pytest.mark.django_db(transaction=True)
def test_one_successor_comes_when_a_renewal_arrives_many_times_at_once(
    profile: ScepProfile, ra: x509.Certificate, enroll: Certify, refusals: list[dict[str, Any]]
) -> None:
    """S8."""
    old, row = enroll(profile)
    message = Device(key=make_key(1)).build_renewal(ra=ra, old=old, old_key=make_key())
    run_at_once([message] * 5, profile=profile)
    assert refusals == []
    issued = IssuedCertificate.objects.filter(renews=row, status=CertificateStatus.ISSUED)
    assert issued.count() == 1


def test_renewal_challenge_brings_a_successor_when_the_profile_is_static(
    profile: ScepProfile, ra: x509.Certificate, ask: Any, enroll: Certify
) -> None:
    """The way Apple devices renew: the profile again, with a challenge made for it."""
    _, row = enroll(profile)
    later = Device(key=make_key(3))  # somebody else has come since
    assert ask(profile, later.build_request(ra=ra, challenge=STATIC_CHALLENGE)).status == "0"
    ScepProfile.objects.update(hold_for_approval=True)
    profile.refresh_from_db()
    challenge = create_dynamic_challenge(
        profile,
        session_id=SESSION,
        now=timezone.now(),
        purpose=ChallengePurpose.RENEWAL,
        renews=row,
    )
    device = Device(key=make_key(1), name="anything")
    message = device.build_request(ra=ra, challenge=challenge)
    assert ask(profile, message).status == "0"
    assert ask(profile, message).status == "0"
    successor = IssuedCertificate.objects.get(renews=row)
    assert successor.session_id == SESSION
    other = Device(key=make_key(2))
    assert ask(profile, other.build_request(ra=ra, challenge=challenge)).status == "2"


def test_test_challenge_brings_a_certificate_for_an_hour(
    profile: ScepProfile, ra: x509.Certificate, ask: Any
) -> None:
    challenge = create_dynamic_challenge(
        profile, session_id="", now=timezone.now(), purpose=ChallengePurpose.TEST
    )
    assert ask(profile, Device().build_request(ra=ra, challenge=challenge)).status == "0"
    row = IssuedCertificate.objects.get()
    assert row.not_after <= timezone.now() + timedelta(hours=1)
