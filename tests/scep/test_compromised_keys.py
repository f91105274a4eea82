"""A key that was revoked as compromised is certified no more, whoever asks and however well."""

from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from django.db import connection
from django.utils import timezone

from scep.models import HeldRequest, IssuedCertificate, ScepProfile
from scep.selectors.identities import COMPROMISED_KEY
from scep.services.held_requests import approve_request
from scep.services.issuance import revoke_certificate
from tests.scep.conftest import STATIC_CHALLENGE
from tests.scep.device import Device, make_csr, make_key
from tests.scep.renewing import Certify, renew

pytestmark = pytest.mark.django_db
BAD_REQUEST = "2"
SUCCESS, FAILURE = "0", "2"


def revoke(row: IssuedCertificate, reason: str) -> None:
    revoke_certificate(row, reason=reason, now=timezone.now())


def assert_refused_for_the_key(reply: Any, refusals: list[dict[str, Any]]) -> None:
    assert (reply.status, reply.fail_info) == (FAILURE, BAD_REQUEST)
    assert "compromised" in refusals[-1]["message"]
    assert IssuedCertificate.objects.count() == 1


def test_a_compromised_key_is_refused_when_its_challenge_is_good(
    static_profile: ScepProfile, ra: x509.Certificate, ask: Any, enroll: Certify,
    refusals: list[dict[str, Any]],
) -> None:  # fmt: skip
    revoke(enroll(static_profile)[1], "key_compromise")
    reply = ask(static_profile, Device().build_request(ra=ra, challenge=STATIC_CHALLENGE))
    assert_refused_for_the_key(reply, refusals)
    other = Device(key=make_key(1))
    reply = ask(static_profile, other.build_request(ra=ra, challenge=STATIC_CHALLENGE))
    assert reply.status == SUCCESS


@pytest.mark.parametrize("reason", ["superseded", "cessation_of_operation", "unspecified"])
def test_a_key_is_certified_again_when_it_was_revoked_for_another_reason(
    reason: str, static_profile: ScepProfile, ra: x509.Certificate, ask: Any, enroll: Certify
) -> None:
    revoke(enroll(static_profile)[1], reason)
    reply = ask(static_profile, Device().build_request(ra=ra, challenge=STATIC_CHALLENGE))
    assert reply.status == SUCCESS


def test_a_compromised_key_is_refused_when_a_good_certificate_is_renewed_to_it(
    renewable_profile: ScepProfile, ra: x509.Certificate, ask: Any, enroll: Certify,
    refusals: list[dict[str, Any]],
) -> None:  # fmt: skip
    old, row = enroll(renewable_profile)
    known = IssuedCertificate.objects.create(
        issuer=row.issuer, serial="1", subject="CN=other", status="revoked",
        revocation_reason="key_compromise", revoked_at=timezone.now(), not_before=row.not_before,
        not_after=row.not_after, public_key_sha256=row.public_key_sha256,
    )  # fmt: skip
    reply = renew(ask, renewable_profile, ra=ra, old=old, csr=make_csr(make_key()))
    known.delete()
    assert_refused_for_the_key(reply, refusals)


@pytest.mark.parametrize("moment", ["before it asks", "while it waits"])
def test_a_compromised_key_is_refused_when_requests_are_held(
    moment: str, static_profile: ScepProfile, ra: x509.Certificate, ask: Any, enroll: Certify,
    refusals: list[dict[str, Any]],
) -> None:  # fmt: skip
    _, row = enroll(static_profile)
    ScepProfile.objects.filter(pk=static_profile.pk).update(hold_for_approval=True)
    message = (device := Device()).build_request(ra=ra, challenge=STATIC_CHALLENGE)
    if moment == "while it waits":
        ask(static_profile, message)
        held = HeldRequest.objects.get(transaction_id=device.transaction_id)
        approve_request(held, actor="tests", now=timezone.now() + timedelta(seconds=1))
    revoke(row, "key_compromise")
    assert_refused_for_the_key(ask(static_profile, message), refusals)


def test_keys_are_looked_up_in_the_index_of_compromised_ones() -> None:
    COMPROMISED_KEY.first(key="ab" * 32)
    sql = COMPROMISED_KEY._plans[connection.vendor].statement.sql
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
        explain = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
        cursor.execute(f"{explain} {sql}", ["ab" * 32])
        assert "certificate_compromised_key" in str(cursor.fetchall())
