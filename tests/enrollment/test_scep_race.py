"""A token's challenge at the SCEP endpoint, by many at once (S2)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from cryptography import x509
from django.db import connection
from django.utils import timezone

from enrollment.models import EnrollmentSession, LogEntry
from enrollment.services.profile import release_profile
from enrollment.services.scep_challenge import CERTIFICATES_PER_DEVICE
from enrollment.services.sessions import get_session
from enrollment.services.token_texts import build_challenge, build_token_text
from scep.errors import RequestOver
from scep.models import CertificateStatus, HeldRequest, IssuedCertificate, ScepProfile
from scep.protocol.identity_certificate import build_identity_certificate
from scep.selectors import get_certificate, get_profile_authority, list_recipients
from scep.services import issuance
from scep.services.held_requests import approve_request
from scep.services.pki_operation import handle_pki_operation
from scep.services.sweep import revoke_orphans
from tests.enrollment.conftest import MakeSession, MakeToken
from tests.scep.device import Device, make_key

pytestmark = pytest.mark.django_db(transaction=True)


def get_ra(profile: ScepProfile) -> x509.Certificate:
    return list_recipients(profile)[0].certificate


def ask_at_once(messages: list[bytes], *, profile: ScepProfile) -> None:
    def handle(message: bytes) -> None:
        try:
            handle_pki_operation(message, scep_profile=profile, now=timezone.now())
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=len(messages)) as pool:
        list(pool.map(handle, messages))


def build_requests(profile: ScepProfile, *, challenge: str, count: int) -> list[bytes]:
    ra = get_ra(profile)
    return [
        Device(key=make_key(number % 4)).build_request(ra=ra, challenge=challenge)
        for number in range(count)
    ]


def count_issued(**of: str) -> int:
    return IssuedCertificate.objects.filter(status=CertificateStatus.ISSUED, **of).count()


def count_never_handed_out() -> int:
    revoked = IssuedCertificate.objects.filter(status=CertificateStatus.REVOKED)
    return revoked.filter(fingerprint=None).count()


@pytest.mark.parametrize("holds", [False, True])
def test_returning_devices_challenge_brings_one_when_several_ask_at_once(
    make_token: MakeToken, make_session: MakeSession, holds: bool
) -> None:
    """It stands in for a one-time challenge (S2)."""
    session = make_session(make_token(hold_for_approval=holds))
    EnrollmentSession.objects.filter(pk=session.pk).update(is_return=True)
    profile: Any = session.token.scep_profile
    messages = build_requests(profile, challenge=build_challenge(session), count=4)
    ask_at_once(messages, profile=profile)
    for held in HeldRequest.objects.all():
        approve_request(held, actor="tests", now=timezone.now())
    ask_at_once(messages, profile=profile)
    assert count_issued(session_id=session.public_id) == 1


def test_challenge_brings_exactly_its_certificates_when_many_ask_at_once(
    make_token: MakeToken, make_session: MakeSession
) -> None:
    session = make_session(make_token(challenge="token"))
    profile: Any = session.token.scep_profile
    messages = build_requests(profile, challenge=build_challenge(session), count=12)
    ask_at_once(messages, profile=profile)
    assert count_issued(session_id=session.public_id) == CERTIFICATES_PER_DEVICE
    refused = LogEntry.objects.filter(code="scep_challenge_reused")
    assert refused.count() == 12 - CERTIFICATES_PER_DEVICE


@pytest.mark.parametrize("is_bound", [True, False], ids=["session", "bare token"])
def test_challenge_brings_exactly_its_certificates_when_all_are_signed_before_one_is_stored(
    make_token: MakeToken,
    make_session: MakeSession,
    monkeypatch: pytest.MonkeyPatch,
    is_bound: bool,
) -> None:
    session = make_session(make_token(challenge="token", max_uses=1))
    profile: Any = session.token.scep_profile
    challenge = build_challenge(session) if is_bound else build_token_text(session.token)
    messages = build_requests(profile, challenge=challenge, count=CERTIFICATES_PER_DEVICE + 4)
    sign_together(len(messages), monkeypatch=monkeypatch)
    ask_at_once(messages, profile=profile)
    assert count_issued(token_id=session.token.jti) == CERTIFICATES_PER_DEVICE
    # The others were signed, and are told as what they are at once.
    assert count_never_handed_out() == 4
    assert not IssuedCertificate.objects.filter(status=CertificateStatus.INTENDED).exists()
    assert not LogEntry.objects.filter(code="certificate_revoked").exists()


@pytest.mark.parametrize("is_bound", [True, False], ids=["session", "bare token"])
def test_challenge_brings_exactly_its_certificates_when_held_requests_are_claimed_at_once(
    make_token: MakeToken,
    make_session: MakeSession,
    monkeypatch: pytest.MonkeyPatch,
    is_bound: bool,
) -> None:
    """An administrator may approve more requests than the token's limit lets through."""
    session = make_session(make_token(challenge="token", max_uses=1, hold_for_approval=True))
    profile: Any = session.token.scep_profile
    challenge = build_challenge(session) if is_bound else build_token_text(session.token)
    devices = [Device(key=make_key(n % 4)) for n in range(CERTIFICATES_PER_DEVICE + 4)]
    for device in devices:
        request = device.build_request(ra=get_ra(profile), challenge=challenge)
        ask_at_once([request], profile=profile)
        approve_request(HeldRequest.objects.get(state="pending"), actor="a", now=timezone.now())
    issuer = get_certificate(get_profile_authority(profile)).subject
    polls = [device.build_poll(ra=get_ra(profile), issuer=issuer) for device in devices]
    with monkeypatch.context() as patch:
        sign_together(len(polls), monkeypatch=patch)
        ask_at_once(polls, profile=profile)
    assert count_issued(token_id=session.token.jti) == CERTIFICATES_PER_DEVICE
    assert count_never_handed_out() == 4
    assert HeldRequest.objects.exclude(certificate=None).count() == CERTIFICATES_PER_DEVICE
    refused = LogEntry.objects.filter(code="scep_challenge_reused", token=session.token)
    assert refused.count() == 4
    # Asked again, each has the same answer, and nothing more is signed.
    signed = IssuedCertificate.objects.count()
    ask_at_once(polls, profile=profile)
    assert refused.count() == 8
    assert IssuedCertificate.objects.count() == signed


def test_request_is_not_approved_when_others_have_brought_what_its_challenge_may(
    make_token: MakeToken,
) -> None:
    """Its device would be refused, and nobody told why."""
    token = make_token(challenge="token", max_uses=1, hold_for_approval=True)
    profile: Any = token.scep_profile
    challenge = build_token_text(token)
    messages = build_requests(profile, challenge=challenge, count=CERTIFICATES_PER_DEVICE + 1)
    ask_at_once(messages, profile=profile)
    *first, last = HeldRequest.objects.order_by("pk")
    for held in first:
        approve_request(held, actor="a", now=timezone.now())
    ask_at_once(messages, profile=profile)
    assert count_issued(token_id=token.jti) == CERTIFICATES_PER_DEVICE
    with pytest.raises(RequestOver, match="the challenge has brought its certificates"):
        approve_request(last, actor="a", now=timezone.now())
    last.refresh_from_db()
    assert last.state == "pending"


def test_one_identity_is_left_when_the_profile_is_downloaded_twice_at_once(
    make_token: MakeToken, make_session: MakeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without SCEP each download makes a key and a certificate; the newest one counts."""
    session = make_session(make_token(challenge="none"))
    sign_together(4, monkeypatch=monkeypatch)

    def download(_: int) -> None:
        try:
            release_profile(get_session(session.public_id), now=timezone.now())
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(download, range(4)))
    assert IssuedCertificate.objects.count() == 4
    assert count_issued(session_id=session.public_id) == 1


def test_challenge_brings_all_its_certificates_when_intents_came_to_nothing(
    make_token: MakeToken, make_session: MakeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a server leaves behind that fails while it signs takes no certificate from anybody."""
    session = make_session(make_token(challenge="token"))
    profile: Any = session.token.scep_profile
    count = CERTIFICATES_PER_DEVICE
    messages = build_requests(profile, challenge=build_challenge(session), count=2 * count)
    with monkeypatch.context() as patch:
        patch.setattr(issuance, "build_identity_certificate", fail)
        for message in messages[:count]:
            with pytest.raises(MemoryError):
                ask_at_once([message], profile=profile)
    intents = IssuedCertificate.objects.filter(status=CertificateStatus.INTENDED)
    assert intents.count() == count
    intents.filter(pk=intents.order_by("id")[0].pk).update(
        created_at=timezone.now() - timedelta(minutes=11)
    )
    assert revoke_orphans(now=timezone.now()) == 1
    ask_at_once(messages, profile=profile)
    assert count_issued(session_id=session.public_id) == count


def sign_together(count: int, *, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let none of `count` certificates be stored before all are signed."""
    together = Barrier(count, timeout=30)

    def sign(*arguments: Any, **options: Any) -> bytes:
        together.wait()
        return build_identity_certificate(*arguments, **options)

    monkeypatch.setattr(issuance, "build_identity_certificate", sign)


def fail(*arguments: Any, **options: Any) -> bytes:
    raise MemoryError


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
