"""A token's challenge at the SCEP endpoint, by many at once (S2)."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cryptography import x509
from django.db import connection
from django.utils import timezone

from enrollment.models import LogEntry
from enrollment.services.scep_challenge import CERTIFICATES_PER_DEVICE
from enrollment.services.tokens import build_challenge
from scep.models import CertificateStatus, HeldRequest, IssuedCertificate, ScepProfile
from scep.selectors import list_recipients
from scep.services.held_requests import approve_request
from scep.services.pki_operation import handle_pki_operation
from tests.enrollment.conftest import MakeSession, MakeToken
from tests.scep.device import Device, make_key

pytestmark = pytest.mark.django_db(transaction=True)


def get_ra(profile: ScepProfile) -> x509.Certificate:
    return list_recipients(profile)[0].certificate


def ask_at_once(messages: list[bytes], *, profile: ScepProfile) -> None:
    def handle(message: bytes) -> None:
        try:
            handle_pki_operation(
                message, scep_profile=profile, now=timezone.now(), remote_address=None
            )
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=len(messages)) as pool:
        list(pool.map(handle, messages))


def test_challenge_brings_no_more_than_its_certificates_when_many_ask_at_once(
    make_token: MakeToken, make_session: MakeSession
) -> None:
    session = make_session(make_token(challenge="token"))
    profile: Any = session.token.scep_profile
    challenge, ra = build_challenge(session), get_ra(profile)
    messages = [
        Device(key=make_key(number % 4)).build_request(ra=ra, challenge=challenge)
        for number in range(CERTIFICATES_PER_DEVICE + 5)
    ]
    ask_at_once(messages, profile=profile)
    issued = IssuedCertificate.objects.filter(
        session_id=session.public_id, status=CertificateStatus.ISSUED
    )
    assert issued.count() <= CERTIFICATES_PER_DEVICE


def test_session_and_token_stand_in_the_certificate_when_its_request_was_held(
    make_token: MakeToken, make_session: MakeSession
) -> None:
    """The log tells each step under the session."""
    session = make_session(make_token(challenge="token"))
    profile: Any = session.token.scep_profile
    profile.hold_for_approval = True
    profile.save()
    message = Device().build_request(ra=get_ra(profile), challenge=build_challenge(session))
    ask_at_once([message], profile=profile)
    held = HeldRequest.objects.get()
    approve_request(held, actor="admin@example.com", now=timezone.now())
    ask_at_once([message], profile=profile)
    row = IssuedCertificate.objects.get()
    assert (row.session_id, row.token_id) == (session.public_id, session.token.jti)
    codes = LogEntry.objects.filter(session_id=session.public_id).order_by("id")
    told = [code for code in codes.values_list("code", flat=True) if code.startswith("certificate")]
    assert told == ["certificate_held", "certificate_approved", "certificate_issued"]
