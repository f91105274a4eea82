"""Clients that derive the transactionID from their key, like jscep and certmonger, a year later."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from django.db import connection
from django.test import Client
from django.utils import timezone

from scep.models import ChallengeType, HeldRequest, IssuedCertificate, ScepProfile
from scep.services.challenges import create_dynamic_challenge
from scep.services.held_requests import approve_request
from scep.services.issuance import revoke_certificate
from tests.scep.conftest import STATIC_CHALLENGE
from tests.scep.device import Device, make_key
from tests.scep.reply import decrypt_certificates

pytestmark = pytest.mark.django_db
SUCCESS, FAILURE, PENDING = "0", "2", "3"


def expire(*rows: IssuedCertificate) -> None:
    for row in rows or IssuedCertificate.objects.all():
        row.not_after = timezone.now() - timedelta(seconds=1)
        row.save(update_fields=["not_after"])


def test_same_key_gets_another_certificate_when_its_first_has_expired(
    static_profile: ScepProfile, ra: x509.Certificate, ask: Any
) -> None:
    device = Device()
    message = device.build_request(ra=ra, challenge=STATIC_CHALLENGE)
    serials = []
    for _ in range(2):
        for _ in range(2):  # an answer may be lost
            reply = ask(static_profile, message)
            assert reply.status == SUCCESS
            (leaf,) = decrypt_certificates(reply, key=device.key, certificate=device.certificate)
            serials.append(leaf.serial_number)
        expire()
    assert (serials[0], serials[2]) == (serials[1], serials[3])
    assert IssuedCertificate.objects.count() == len({*serials}) == 2


def test_expired_transaction_stays_over_when_the_challenge_is_no_good(
    static_profile: ScepProfile, ra: x509.Certificate, ask: Any
) -> None:
    """A one-time challenge that has been used brings nothing a year later."""
    ScepProfile.objects.update(challenge_type=ChallengeType.DYNAMIC)
    challenge = create_dynamic_challenge(static_profile, session_id="", now=timezone.now())
    device = Device()
    message = device.build_request(ra=ra, challenge=challenge)
    assert ask(static_profile, message).status == SUCCESS
    expire()
    for bad in (challenge, "wrong", None):
        message = device.build_request(ra=ra, challenge=bad)
        assert ask(static_profile, message).status == FAILURE
    assert IssuedCertificate.objects.get().transaction_id == device.transaction_id


def test_expired_transaction_is_no_other_keys(
    static_profile: ScepProfile, ra: x509.Certificate, ask: Any
) -> None:
    device = Device()
    ask(static_profile, device.build_request(ra=ra, challenge=STATIC_CHALLENGE))
    expire()
    other = Device(key=make_key(1), transaction_id=device.transaction_id)
    message = other.build_request(ra=ra, challenge=STATIC_CHALLENGE)
    assert ask(static_profile, message).status == FAILURE
    assert IssuedCertificate.objects.count() == 1


def test_transaction_is_over_for_good_when_its_certificate_was_revoked(
    static_profile: ScepProfile, ra: x509.Certificate, ask: Any
) -> None:
    message = Device().build_request(ra=ra, challenge=STATIC_CHALLENGE)
    ask(static_profile, message)
    revoke_certificate(IssuedCertificate.objects.get(), reason="superseded", now=timezone.now())
    expire()
    assert ask(static_profile, message).status == FAILURE


def test_administrator_is_asked_again_when_a_held_request_comes_a_year_later(
    static_profile: ScepProfile, ra: x509.Certificate, ask: Any
) -> None:
    ScepProfile.objects.update(hold_for_approval=True)
    message = Device().build_request(ra=ra, challenge=STATIC_CHALLENGE)
    for count in (1, 2):
        assert ask(static_profile, message).status == PENDING
        assert HeldRequest.objects.count() == count
        held = HeldRequest.objects.latest("id")
        approve_request(held, actor="admin@example.com", now=timezone.now())
        assert [ask(static_profile, message).status for _ in range(2)] == [SUCCESS] * 2
        assert IssuedCertificate.objects.count() == count
        expire()


@pytest.mark.django_db(transaction=True)
def test_one_certificate_comes_to_all_when_an_expired_one_is_replaced_many_times_at_once(
    static_profile: ScepProfile, ra: x509.Certificate, ask: Any
) -> None:
    device = Device()
    message = device.build_request(ra=ra, challenge=STATIC_CHALLENGE)
    ask(static_profile, message)
    expire()

    def post(_: int) -> int:
        try:
            return (
                Client()
                .post(
                    f"/scep/{static_profile.public_id}?operation=PKIOperation",
                    message,
                    content_type="application/x-pki-message",
                )
                .status_code
            )
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=6) as pool:
        assert list(pool.map(post, range(6))) == [200] * 6
    assert IssuedCertificate.objects.filter(fingerprint__isnull=False).count() == 2
    reply = ask(static_profile, message)
    (leaf,) = decrypt_certificates(reply, key=device.key, certificate=device.certificate)
    newest = IssuedCertificate.objects.filter(transaction_id=device.transaction_id).get()
    assert newest.serial == f"{leaf.serial_number:x}"
