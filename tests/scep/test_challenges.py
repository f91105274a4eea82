"""Challenges that prove nothing (any more), each refused for what it is."""

from typing import Any

import pytest
from cryptography import x509
from django.utils import timezone

from scep.models import ChallengePurpose, DynamicChallenge, IssuedCertificate, ScepProfile
from scep.services.challenges import create_dynamic_challenge
from scep.services.issuance import revoke_certificate
from tests.scep.device import Device, make_key
from tests.scep.renewing import SESSION, Certify

pytestmark = pytest.mark.django_db
Refusals = list[dict[str, Any]]


def assert_refused(reply: Any, refusals: Refusals, *, words: str) -> None:
    assert reply.status == "2"
    (refusal,) = refusals
    assert refusal["code"] == "scep_challenge_invalid"
    assert words in refusal["message"]


def test_one_time_challenge_is_over_when_its_hour_has_passed(
    dynamic_profile: ScepProfile, ra: x509.Certificate, ask: Any, refusals: Refusals
) -> None:
    now = timezone.now()
    challenge = create_dynamic_challenge(dynamic_profile, session_id="", now=now)
    DynamicChallenge.objects.update(expires_at=now)
    reply = ask(dynamic_profile, Device().build_request(ra=ra, challenge=challenge))
    assert_refused(reply, refusals, words="has expired")
    assert not IssuedCertificate.objects.exists()


def test_one_time_challenge_brings_nothing_when_the_profile_has_become_static(
    static_profile: ScepProfile, ra: x509.Certificate, ask: Any, refusals: Refusals
) -> None:
    challenge = create_dynamic_challenge(static_profile, session_id="", now=timezone.now())
    reply = ask(static_profile, Device().build_request(ra=ra, challenge=challenge))
    assert_refused(reply, refusals, words="the static challenge is wrong")
    assert not IssuedCertificate.objects.exists()


@pytest.mark.parametrize("challenge", ["", "None", "anything"])
def test_nothing_is_issued_when_the_static_challenge_is_missing(
    static_profile: ScepProfile,
    ra: x509.Certificate,
    ask: Any,
    refusals: Refusals,
    challenge: str,
) -> None:
    row = ScepProfile.objects.get(pk=static_profile.pk)
    row.static_challenge = None
    row.save()
    reply = ask(row, Device().build_request(ra=ra, challenge=challenge))
    assert_refused(reply, refusals, words="no static challenge" if challenge else "no challenge")
    assert not IssuedCertificate.objects.exists()


def test_renewal_challenge_is_dead_when_what_it_renews_was_revoked(
    renewable_profile: ScepProfile,
    ra: x509.Certificate,
    ask: Any,
    enroll: Certify,
    refusals: Refusals,
) -> None:
    _, row = enroll(renewable_profile)
    now = timezone.now()
    challenge = create_dynamic_challenge(
        renewable_profile,
        session_id=SESSION,
        now=now,
        purpose=ChallengePurpose.RENEWAL,
        renews=row,
    )
    revoke_certificate(row, reason="unspecified", now=now)
    device = Device(key=make_key(1))
    reply = ask(renewable_profile, device.build_request(ra=ra, challenge=challenge))
    assert_refused(reply, refusals, words="was revoked")
    assert not IssuedCertificate.objects.filter(renews=row).exists()
