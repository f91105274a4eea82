"""Hold for approval: PENDING, CertPoll, an administrator's decision."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from cryptography import x509
from django.db import connection
from django.utils import timezone

from organization.models import AuditEntry
from scep.errors import RequestDecided, RequestOver
from scep.models import (
    CertificateStatus,
    ChallengePurpose,
    DynamicChallenge,
    HeldRequest,
    HeldRequestState,
    IssuedCertificate,
    ScepProfile,
)
from scep.services import held_requests
from scep.services.challenges import create_dynamic_challenge
from scep.services.held_requests import approve_request, reject_request
from scep.services.pki_operation import handle_pki_operation
from scep.services.profiles import update_scep_profile
from scep.tasks import sweep_certificates
from tests.scep.conftest import STATIC_CHALLENGE
from tests.scep.device import Device, make_csr, make_key, make_name
from tests.scep.reply import decrypt_certificates, read_reply

pytestmark = pytest.mark.django_db
BAD_MESSAGE_CHECK, BAD_REQUEST, BAD_CERT_ID = "1", "2", "4"
PENDING, SUCCESS, FAILURE = "3", "0", "2"
SESSION = "ses_" + "h" * 20
OTHER = "ses_" + "i" * 20
ADMIN = "admin@example.com"


@pytest.fixture
def profile(dynamic_profile: ScepProfile) -> ScepProfile:
    dynamic_profile.hold_for_approval = True
    dynamic_profile.save()
    return dynamic_profile


@pytest.fixture
def issuer(chain: list[x509.Certificate]) -> x509.Name:
    return chain[1].subject


@pytest.fixture
def hold(profile: ScepProfile, ra: x509.Certificate, ask: Any) -> Callable[[Device], HeldRequest]:
    """Let the device ask with a fresh challenge of the session; return what waits."""

    def ask_first(device: Device) -> HeldRequest:
        challenge = create_dynamic_challenge(profile, session_id=SESSION, now=timezone.now())
        reply = ask(profile, device.build_request(ra=ra, challenge=challenge))
        assert (reply.message_type, reply.status, reply.fail_info) == ("3", PENDING, None)
        assert (reply.transaction_id, reply.enveloped) == (device.transaction_id, b"")
        return HeldRequest.objects.get(transaction_id=device.transaction_id)

    return ask_first


def approve(held: HeldRequest) -> None:
    approve_request(held, actor=ADMIN, now=timezone.now())


def test_request_waits_and_its_challenge_is_spent_when_the_profile_holds(
    profile: ScepProfile, ra: x509.Certificate, ask: Any, hold: Any
) -> None:
    held = hold(Device(name="mac-7"))
    assert not IssuedCertificate.objects.exists()
    assert DynamicChallenge.objects.get().consumed_at is not None
    assert (held.state, held.session_id, held.common_name) == ("pending", SESSION, "mac-7")
    assert held.remote_address == "127.0.0.1"


def test_certificate_comes_with_its_session_when_an_administrator_has_approved(
    profile: ScepProfile, ra: x509.Certificate, ask: Any, hold: Any, issuer: x509.Name
) -> None:
    device = Device()
    held = hold(device)
    poll = device.build_poll(ra=ra, issuer=issuer)
    assert ask(profile, poll).status == PENDING
    approve(held)
    serials = set()
    for _ in range(2):
        reply = ask(profile, poll)
        assert reply.status == SUCCESS
        (leaf,) = decrypt_certificates(reply, key=device.key, certificate=device.certificate)
        serials.add(leaf.serial_number)
    row = IssuedCertificate.objects.get()
    assert serials == {int(row.serial, 16)}
    assert (row.session_id, row.public_key_sha256) == (SESSION, held.public_key_sha256)
    held.refresh_from_db()
    assert (held.state, held.decided_by, held.certificate) == ("approved", ADMIN, row)
    entry = AuditEntry.objects.get(action="scep_request.approve")
    assert (entry.actor, entry.subject_id) == (ADMIN, held.public_id)


def test_certificate_comes_when_the_same_request_is_sent_again_after_the_approval(
    profile: ScepProfile, ra: x509.Certificate, ask: Any
) -> None:
    """Apple's devices repeat the PKCSReq."""
    challenge = create_dynamic_challenge(profile, session_id=SESSION, now=timezone.now())
    device = Device()
    message = device.build_request(ra=ra, challenge=challenge)
    assert [ask(profile, message).status for _ in range(3)] == [PENDING] * 3
    held = HeldRequest.objects.get()
    approve(held)
    assert ask(profile, message).status == SUCCESS
    assert IssuedCertificate.objects.get().session_id == SESSION


def test_request_is_refused_for_good_when_an_administrator_rejects_it(
    profile: ScepProfile, ra: x509.Certificate, ask: Any, hold: Any, issuer: x509.Name,
    refusals: list[dict[str, Any]],
) -> None:  # fmt: skip
    device = Device()
    held = hold(device)
    reject_request(held, actor=ADMIN, now=timezone.now())
    for message in (
        device.build_poll(ra=ra, issuer=issuer),
        device.build_request(ra=ra, challenge="anything"),
    ):
        reply = ask(profile, message)
        assert (reply.status, reply.fail_info) == (FAILURE, BAD_REQUEST)
    assert refusals[0]["session_id"] == SESSION
    assert not IssuedCertificate.objects.exists()
    assert AuditEntry.objects.filter(action="scep_request.reject", actor=ADMIN).count() == 1


def test_request_is_decided_once(hold: Any) -> None:
    held = hold(Device())
    reject_request(held, actor=ADMIN, now=timezone.now())
    with pytest.raises(RequestDecided):
        approve(held)
    held.refresh_from_db()
    assert held.state == HeldRequestState.REJECTED
    assert not AuditEntry.objects.filter(action="scep_request.approve").exists()


def test_nothing_is_told_when_another_key_polls(
    profile: ScepProfile, ra: x509.Certificate, ask: Any, hold: Any, issuer: x509.Name
) -> None:
    """S1: CertPoll is for the key that asked; an unknown transaction looks the same."""
    device = Device()
    approve(hold(device))
    thief = Device(key=make_key(1), transaction_id=device.transaction_id)
    stranger = Device(key=make_key(1))
    answers = [ask(profile, each.build_poll(ra=ra, issuer=issuer)) for each in (thief, stranger)]
    assert {(answer.status, answer.fail_info) for answer in answers} == {(FAILURE, BAD_CERT_ID)}
    assert not IssuedCertificate.objects.exists()


def test_transaction_that_waits_is_not_another_keys(
    profile: ScepProfile, ra: x509.Certificate, ask: Any, hold: Any
) -> None:
    """S8: even with a good challenge, which stays unspent."""
    device = Device()
    approve(hold(device))
    challenge = create_dynamic_challenge(profile, session_id=SESSION, now=timezone.now())
    thief = Device(key=make_key(1), transaction_id=device.transaction_id)
    reply = ask(profile, thief.build_request(ra=ra, challenge=challenge))
    assert (reply.status, reply.fail_info) == (FAILURE, BAD_REQUEST)
    assert not IssuedCertificate.objects.exists()
    assert DynamicChallenge.objects.filter(consumed_at=None).count() == 1


def test_poll_is_refused_when_it_names_somebody_else(
    profile: ScepProfile, ra: x509.Certificate, ask: Any, hold: Any, issuer: x509.Name
) -> None:
    device = Device(name="mac-7")
    approve(hold(device))
    for named_issuer, subject in (
        (issuer, make_name("mac-8")),
        (issuer, make_name("mac-7", "mac-8")),
        (issuer, x509.Name([])),
        (make_name("Another CA"), make_name("mac-7")),
        (x509.Name([]), make_name("mac-7")),
    ):
        poll = device.build_poll(ra=ra, issuer=named_issuer, subject=subject)
        reply = ask(profile, poll)
        assert (reply.status, reply.fail_info) == (FAILURE, BAD_CERT_ID)
    assert not IssuedCertificate.objects.exists()


@pytest.mark.parametrize(
    "content", [b"\x30\x00", b"", b"\x30\x80\x00\x00", b"x" * 300, make_csr(make_key())],
    ids=["empty", "nothing", "BER", "noise", "CSR"],
)  # fmt: skip
def test_poll_looks_undecryptable_when_it_holds_something_else(
    profile: ScepProfile, ra: x509.Certificate, ask: Any, hold: Any, issuer: x509.Name,
    content: bytes,
) -> None:  # fmt: skip
    """S7."""
    device = Device()
    approve(hold(device))
    reply = ask(profile, device.build_poll(ra=ra, issuer=issuer, content=content))
    assert (reply.status, reply.fail_info) == (FAILURE, BAD_MESSAGE_CHECK)


def test_poll_is_refused_when_nothing_was_held(
    static_profile: ScepProfile, ra: x509.Certificate, ask: Any, issuer: x509.Name
) -> None:
    """S1: also for a transaction that has brought a certificate."""
    device = Device()
    request = device.build_request(ra=ra, challenge=STATIC_CHALLENGE)
    assert ask(static_profile, request).status == SUCCESS
    reply = ask(static_profile, device.build_poll(ra=ra, issuer=issuer))
    assert (reply.status, reply.fail_info) == (FAILURE, BAD_CERT_ID)


def test_request_goes_on_waiting_when_the_profile_holds_no_longer(
    profile: ScepProfile, ra: x509.Certificate, ask: Any
) -> None:
    challenge = create_dynamic_challenge(profile, session_id=SESSION, now=timezone.now())
    message = Device().build_request(ra=ra, challenge=challenge)
    assert ask(profile, message).status == PENDING
    ScepProfile.objects.update(hold_for_approval=False)
    assert ask(profile, message).status == PENDING


def test_challenge_brings_one_waiting_request(
    profile: ScepProfile, ra: x509.Certificate, ask: Any
) -> None:
    """S2."""
    challenge = create_dynamic_challenge(profile, session_id=SESSION, now=timezone.now())
    devices = [Device(key=make_key(n)) for n in range(3)]
    statuses = [ask(profile, d.build_request(ra=ra, challenge=challenge)).status for d in devices]
    assert statuses == [PENDING, FAILURE, FAILURE]
    assert HeldRequest.objects.count() == 1


def test_queue_stays_readable_when_a_session_asks_again_and_again(
    static_profile: ScepProfile, ra: x509.Certificate, ask: Any
) -> None:
    ScepProfile.objects.update(hold_for_approval=True)
    csr = make_csr(make_key(), challenge=STATIC_CHALLENGE, names=[SESSION])
    statuses = [
        ask(static_profile, Device().build_request(ra=ra, csr=csr)).status for _ in range(8)
    ]
    assert statuses == [PENDING] * 5 + [FAILURE] * 3
    assert HeldRequest.objects.count() == 5
    csr = make_csr(make_key(), challenge=STATIC_CHALLENGE, names=[OTHER])
    assert ask(static_profile, Device().build_request(ra=ra, csr=csr)).status == PENDING


def test_queue_stays_readable_when_many_ask_without_a_session(
    static_profile: ScepProfile, ra: x509.Certificate, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_requests, "MAX_PENDING", 2)
    ScepProfile.objects.update(hold_for_approval=True)
    csr = make_csr(make_key(), challenge=STATIC_CHALLENGE, names=["printer"])
    statuses = [
        ask(static_profile, Device().build_request(ra=ra, csr=csr)).status for _ in range(3)
    ]
    assert statuses == [PENDING, PENDING, FAILURE]
    assert HeldRequest.objects.count() == 2


@pytest.mark.parametrize(
    "change",
    [{"static_challenge": "another static one"}, {"challenge_type": "dynamic"}],
    ids=["another", "none"],
)
def test_requests_are_over_when_the_static_challenge_behind_them_is_changed(
    static_profile: ScepProfile, ra: x509.Certificate, issuer: x509.Name, ask: Any, change: Any
) -> None:
    update_scep_profile(static_profile, actor=ADMIN, hold_for_approval=True)
    claimed, approved, proved = (Device(key=make_key(number)) for number in range(3))
    for device in (claimed, approved):
        ask(static_profile, device.build_request(ra=ra, challenge=STATIC_CHALLENGE))
    session = create_dynamic_challenge(
        static_profile, session_id=SESSION, now=timezone.now(), purpose=ChallengePurpose.SESSION
    )
    ask(static_profile, proved.build_request(ra=ra, challenge=session))
    approve(HeldRequest.objects.get(transaction_id=approved.transaction_id))
    update_scep_profile(static_profile, actor=ADMIN, name="Nothing else")
    assert HeldRequest.objects.filter(state=HeldRequestState.PENDING).count() == 2
    update_scep_profile(static_profile, actor=ADMIN, **change)
    ended = HeldRequest.objects.get(state=HeldRequestState.OUTDATED)
    assert (ended.transaction_id, ended.decided_by) == (claimed.transaction_id, ADMIN)
    statuses = [
        ask(static_profile, device.build_poll(ra=ra, issuer=issuer)).status
        for device in (claimed, approved, proved)
    ]
    assert statuses == [FAILURE, SUCCESS, PENDING]


def test_client_begins_anew_with_its_key_when_the_static_challenge_was_changed(
    static_profile: ScepProfile, ra: x509.Certificate, ask: Any, refusals: list[dict[str, Any]]
) -> None:
    """RFC 8894 advises to derive the transactionID from the key, which the client keeps."""
    update_scep_profile(static_profile, actor=ADMIN, hold_for_approval=True)
    device = Device()
    old = device.build_request(ra=ra, challenge=STATIC_CHALLENGE)
    assert ask(static_profile, old).status == PENDING
    update_scep_profile(static_profile, actor=ADMIN, static_challenge="another static one")
    assert ask(static_profile, old).status == FAILURE
    assert refusals[-1]["code"] == "scep_challenge_invalid"
    new = device.build_request(ra=ra, challenge="another static one")
    assert [ask(static_profile, new).status for _ in range(2)] == [PENDING, PENDING]
    approve(HeldRequest.objects.get(transaction_id=device.transaction_id))
    assert ask(static_profile, new).status == SUCCESS
    assert ask(static_profile, old).status == SUCCESS  # the same certificate again
    assert IssuedCertificate.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_queue_stays_readable_when_a_session_asks_often_at_once(
    static_profile: ScepProfile, ra: x509.Certificate, chain: Any
) -> None:
    ScepProfile.objects.update(hold_for_approval=True)
    static_profile.refresh_from_db()
    csr = make_csr(make_key(), challenge=STATIC_CHALLENGE, names=[SESSION])
    messages = [Device().build_request(ra=ra, csr=csr) for _ in range(12)]
    together = Barrier(len(messages))

    def handle(message: bytes) -> str:
        together.wait()
        try:
            data = handle_pki_operation(message, scep_profile=static_profile, now=timezone.now())
        finally:
            connection.close()
        return read_reply(data, chain=chain).status

    with ThreadPoolExecutor(max_workers=len(messages)) as pool:
        statuses = sorted(pool.map(handle, messages))
    assert statuses == [FAILURE] * 7 + [PENDING] * 5
    assert HeldRequest.objects.count() == 5


@pytest.mark.django_db(transaction=True)
def test_one_request_waits_and_brings_one_certificate_when_messages_arrive_at_once(
    profile: ScepProfile, ra: x509.Certificate, issuer: x509.Name, chain: Any
) -> None:
    challenge = create_dynamic_challenge(profile, session_id=SESSION, now=timezone.now())
    device = Device()

    def handle(message: bytes) -> str:
        try:
            data = handle_pki_operation(message, scep_profile=profile, now=timezone.now())
        finally:
            connection.close()
        return read_reply(data, chain=chain).status

    with ThreadPoolExecutor(max_workers=5) as pool:
        request = device.build_request(ra=ra, challenge=challenge)
        assert set(pool.map(handle, [request] * 5)) == {PENDING}
        held = HeldRequest.objects.get()
        approve(held)
        polls = [device.build_poll(ra=ra, issuer=issuer)] * 5
        assert set(pool.map(handle, polls)) == {SUCCESS}
    issued = IssuedCertificate.objects.filter(status=CertificateStatus.ISSUED)
    assert issued.count() == 1
    held.refresh_from_db()
    assert held.certificate == issued.get()


def test_request_leaves_the_queue_when_its_device_was_certified_without_approval(
    static_profile: ScepProfile, ra: x509.Certificate, ask: Any
) -> None:
    update_scep_profile(static_profile, actor=ADMIN, hold_for_approval=True)
    device, other = Device(), Device(key=make_key(1))
    message = device.build_request(ra=ra, challenge=STATIC_CHALLENGE)
    ask(static_profile, message)
    ask(static_profile, other.build_request(ra=ra, challenge=STATIC_CHALLENGE))
    update_scep_profile(static_profile, actor=ADMIN, hold_for_approval=False)
    assert ask(static_profile, message).status == SUCCESS
    held = HeldRequest.objects.get(transaction_id=device.transaction_id)
    with pytest.raises(RequestOver, match="has a certificate already"):
        approve(held)
    sweep_certificates()
    held.refresh_from_db()
    assert held.state == HeldRequestState.EXPIRED
    assert HeldRequest.objects.get(state=HeldRequestState.PENDING) != held
    assert ask(static_profile, message).status == SUCCESS
    assert IssuedCertificate.objects.count() == 1
