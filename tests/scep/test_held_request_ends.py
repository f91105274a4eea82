"""A held request that nobody decides: it ends, is forgotten, and its client begins anew."""

from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.utils import timezone

from enrollment.models import LogEntry
from enrollment.services import refused_messages
from scep.errors import RequestOver
from scep.models import HeldRequest, HeldRequestState, IssuedCertificate, ScepProfile
from scep.services.challenges import create_dynamic_challenge
from scep.services.held_requests import approve_request
from scep.services.profiles import update_scep_profile
from scep.tasks import sweep_certificates
from tests.scep.conftest import STATIC_CHALLENGE
from tests.scep.corporate_ca import CorporateCa
from tests.scep.device import Device, make_key
from tests.scep.test_held_requests import (
    FAILURE,
    OTHER,
    PENDING,
    SUCCESS,
    approve,
    hold,
    issuer,
    profile,
)

__all__ = ["hold", "issuer", "profile"]
pytestmark = pytest.mark.django_db


def test_request_is_forgotten_when_nobody_asks_for_a_month(hold: Any) -> None:
    old, new = hold(Device()), hold(Device(key=make_key(1)))
    HeldRequest.objects.filter(pk=old.pk).update(updated_at=timezone.now() - timedelta(days=31))
    sweep_certificates()
    assert list(HeldRequest.objects.all()) == [new]


def test_request_leaves_the_queue_when_its_profile_is_an_external_servers(
    static_profile: ScepProfile, ra: x509.Certificate, ask: Any
) -> None:
    """Without a session nothing else would end it for a month."""
    update_scep_profile(static_profile, actor="a", hold_for_approval=True)
    message = Device().build_request(ra=ra, challenge=STATIC_CHALLENGE)
    assert ask(static_profile, message).status == PENDING
    update_scep_profile(
        static_profile,
        actor="a",
        server_type="external",
        external_url="https://scep.example.com",
        ca_fingerprint="0" * 64,
        trusted_ca_pem=CorporateCa("Elsewhere").certificate.public_bytes(Encoding.PEM).decode(),
    )
    waiting = HeldRequest.objects.get()
    with pytest.raises(RequestOver, match="ask an external server"):
        approve_request(waiting, actor="a", now=timezone.now())
    sweep_certificates()
    waiting.refresh_from_db()
    assert waiting.state == HeldRequestState.EXPIRED


def test_client_begins_anew_with_its_key_when_nobody_has_decided_in_time(
    profile: ScepProfile,
    ra: x509.Certificate,
    hold: Any,
    ask: Any,
) -> None:
    """sscep and others derive the transactionID from the key, which they keep."""
    device = Device()
    first = hold(device)
    HeldRequest.objects.filter(pk=first.pk).update(state=HeldRequestState.EXPIRED)
    stranger = Device(key=make_key(1), transaction_id=device.transaction_id)
    challenge = create_dynamic_challenge(profile, session_id=OTHER, now=timezone.now())
    reply = ask(profile, stranger.build_request(ra=ra, challenge=challenge))
    assert reply.status == FAILURE
    message = device.build_request(ra=ra, challenge=challenge)
    assert ask(profile, message).status == PENDING
    second = HeldRequest.objects.get(transaction_id=device.transaction_id)
    assert (second.pk != first.pk, second.session_id, second.state) == (True, OTHER, "pending")
    assert not IssuedCertificate.objects.exists()
    approve(second)
    assert ask(profile, message).status == SUCCESS
    assert IssuedCertificate.objects.get().session_id == OTHER
    first.refresh_from_db()
    assert first.certificate is None


@pytest.mark.parametrize("end", ["rejected", "expired"])
def test_log_stays_readable_when_a_client_asks_for_ever(
    profile: ScepProfile,
    ra: x509.Certificate,
    hold: Any,
    ask: Any,
    issuer: x509.Name,
    monkeypatch: pytest.MonkeyPatch,
    end: str,
) -> None:
    monkeypatch.setattr(refused_messages, "FIRST", 3)
    device = Device()
    held = hold(device)
    HeldRequest.objects.filter(pk=held.pk).update(state=end)
    LogEntry.objects.all().delete()
    poll = device.build_poll(ra=ra, issuer=issuer)
    assert {ask(profile, poll).status for _ in range(13)} == {FAILURE}
    messages = list(LogEntry.objects.order_by("id").values_list("message", flat=True))
    assert len(messages) == 5  # the first, second and third, the sixth and the twelfth
    assert messages[-1].endswith("; that makes 12 within a day, the next entry is at 24")
    stranger = Device(key=make_key(1), transaction_id=device.transaction_id)
    for _ in range(4):
        ask(profile, stranger.build_poll(ra=ra, issuer=issuer))
    assert LogEntry.objects.count() == 5 + 4


@pytest.mark.parametrize("end", ["rejected", "expired"])
def test_log_stays_readable_when_a_client_repeats_its_request_for_ever(
    profile: ScepProfile,
    ra: x509.Certificate,
    ask: Any,
    monkeypatch: pytest.MonkeyPatch,
    end: str,
) -> None:
    """Apple's devices send the PKCSReq again, where others poll."""
    monkeypatch.setattr(refused_messages, "FIRST", 3)
    challenge = create_dynamic_challenge(profile, session_id=OTHER, now=timezone.now())
    message = Device().build_request(ra=ra, challenge=challenge)
    assert ask(profile, message).status == PENDING
    HeldRequest.objects.update(state=end)
    LogEntry.objects.all().delete()
    assert {ask(profile, message).status for _ in range(13)} == {FAILURE}
    assert LogEntry.objects.count() == 5


def test_log_stays_readable_when_what_a_client_repeats_is_not_held_any_more(
    static_profile: ScepProfile, ra: x509.Certificate, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refused_messages, "FIRST", 3)
    ScepProfile.objects.update(hold_for_approval=True)
    device = Device()
    message = device.build_request(ra=ra, challenge=STATIC_CHALLENGE)
    assert ask(static_profile, message).status == PENDING
    ScepProfile.objects.update(hold_for_approval=False, static_challenge=b"another one")
    LogEntry.objects.all().delete()
    assert {ask(static_profile, message).status for _ in range(13)} == {FAILURE}
    assert LogEntry.objects.count() == 5
    stranger = Device(key=make_key(1), transaction_id=device.transaction_id)
    for _ in range(4):
        ask(static_profile, stranger.build_request(ra=ra, challenge=STATIC_CHALLENGE))
    assert LogEntry.objects.count() == 5 + 4
