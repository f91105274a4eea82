"""What is spent, stored and repeated: also at the same moment, and when the server dies."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from enrollment.models import LogEntry
from scep.models import CertificateStatus, DynamicChallenge, IssuedCertificate, ScepProfile
from scep.services import challenges, enrollment_request, issuance
from scep.services.challenges import create_dynamic_challenge
from scep.services.issuance import revoke_certificate
from scep.services.pki_operation import handle_pki_operation
from scep.signals import certificate_issued
from scep.tasks import sweep_certificates
from tests.scep.conftest import STATIC_CHALLENGE
from tests.scep.device import Device, make_key
from tests.scep.reply import decrypt_certificates

SESSION = "ses_" + "d" * 20


@pytest.mark.django_db
def test_same_certificate_comes_again_when_the_transaction_is_repeated(
    dynamic_profile: ScepProfile, ra: Any, ask: Any
) -> None:
    challenge = create_dynamic_challenge(dynamic_profile, session_id=SESSION, now=timezone.now())
    device = Device()
    serials = set()
    for _ in range(3):
        reply = ask(dynamic_profile, device.build_request(ra=ra, challenge=challenge))
        assert reply.status == "0"
        (leaf,) = decrypt_certificates(reply, key=device.key, certificate=device.certificate)
        serials.add(leaf.serial_number)
    assert len(serials) == 1
    assert IssuedCertificate.objects.count() == 1


@pytest.mark.django_db
def test_transaction_is_refused_when_another_key_uses_its_id(
    static_profile: ScepProfile, ra: Any, ask: Any
) -> None:
    first = Device()
    assert ask(static_profile, first.build_request(ra=ra, challenge=STATIC_CHALLENGE)).status == "0"
    second = Device(key=make_key(1), transaction_id=first.transaction_id)
    reply = ask(static_profile, second.build_request(ra=ra, challenge=STATIC_CHALLENGE))
    assert (reply.status, reply.fail_info) == ("2", "2")
    assert IssuedCertificate.objects.count() == 1


@pytest.mark.django_db
def test_transaction_is_refused_when_its_certificate_was_revoked(
    static_profile: ScepProfile, ra: Any, ask: Any
) -> None:
    device = Device()
    message = device.build_request(ra=ra, challenge=STATIC_CHALLENGE)
    assert ask(static_profile, message).status == "0"
    row = IssuedCertificate.objects.get()
    revoke_certificate(row, reason="key_compromise", now=timezone.now())
    assert ask(static_profile, message).status == "2"


@pytest.mark.django_db
def test_dynamic_challenge_works_once(
    dynamic_profile: ScepProfile, ra: Any, ask: Any, refusals: list[dict[str, Any]]
) -> None:
    challenge = create_dynamic_challenge(dynamic_profile, session_id=SESSION, now=timezone.now())
    first, second = Device(), Device(key=make_key(1))
    assert ask(dynamic_profile, first.build_request(ra=ra, challenge=challenge)).status == "0"
    assert ask(dynamic_profile, second.build_request(ra=ra, challenge=challenge)).status == "2"
    assert [news["code"] for news in refusals] == ["scep_challenge_reused"]
    assert challenge not in str(refusals)


def run_at_once(messages: list[bytes], *, profile: ScepProfile) -> list[bytes]:
    def handle(message: bytes) -> bytes:
        try:
            return handle_pki_operation(message, scep_profile=profile, now=timezone.now())
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=len(messages)) as pool:
        return list(pool.map(handle, messages))


@pytest.mark.django_db(transaction=True)
def test_exactly_one_certificate_is_issued_when_devices_race_for_a_challenge(
    dynamic_profile: ScepProfile, ra: Any, refusals: list[dict[str, Any]]
) -> None:
    challenge = create_dynamic_challenge(dynamic_profile, session_id=SESSION, now=timezone.now())
    messages = [Device(key=make_key(n)).build_request(ra=ra, challenge=challenge) for n in range(6)]
    run_at_once(messages, profile=dynamic_profile)
    assert IssuedCertificate.objects.filter(status=CertificateStatus.ISSUED).count() == 1
    assert [news["code"] for news in refusals] == ["scep_challenge_reused"] * 5


@pytest.mark.django_db(transaction=True)
def test_one_certificate_comes_to_all_when_a_request_arrives_many_times_at_once(
    dynamic_profile: ScepProfile, ra: Any, refusals: list[dict[str, Any]], chain: Any
) -> None:
    from tests.scep.reply import read_reply

    challenge = create_dynamic_challenge(dynamic_profile, session_id=SESSION, now=timezone.now())
    device = Device()
    replies = run_at_once(
        [device.build_request(ra=ra, challenge=challenge)] * 6, profile=dynamic_profile
    )
    assert [read_reply(reply, chain=chain).status for reply in replies] == ["0"] * 6
    assert IssuedCertificate.objects.filter(status=CertificateStatus.ISSUED).count() == 1
    assert refusals == []


@pytest.mark.django_db(transaction=True)
def test_challenge_is_not_spent_when_the_database_fails_while_storing(
    dynamic_profile: ScepProfile, ra: Any, client: Any, ask: Any
) -> None:
    challenge = create_dynamic_challenge(dynamic_profile, session_id=SESSION, now=timezone.now())
    message = Device().build_request(ra=ra, challenge=challenge)

    def fail(sender: object, **news: Any) -> None:
        raise OperationalError("the connection was closed")

    certificate_issued.connect(fail)
    try:
        response = client.post(
            f"/scep/{dynamic_profile.public_id}?operation=PKIOperation",
            data=message,
            content_type="application/x-pki-message",
        )
    finally:
        certificate_issued.disconnect(fail)
    assert (response.status_code, response["Retry-After"]) == (503, "30")
    assert DynamicChallenge.objects.get().consumed_at is None
    assert not IssuedCertificate.objects.filter(status=CertificateStatus.ISSUED).exists()
    assert ask(dynamic_profile, message).status == "0"


class Killed(BaseException):
    """Nothing in the server catches it, as nothing catches SIGKILL."""


@pytest.fixture
def killed_while_signing(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Make the process 'die' between signing and storing; call the result to bring it back."""

    def die(*args: object, **options: object) -> None:
        raise Killed

    monkeypatch.setattr(issuance, "_store_certificate", die)
    return monkeypatch.undo


@pytest.mark.django_db(transaction=True)
def test_serial_is_known_when_the_server_dies_between_signing_and_storing(
    static_profile: ScepProfile, ra: Any, ask: Any, killed_while_signing: Callable[[], None]
) -> None:
    message = Device().build_request(ra=ra, challenge=STATIC_CHALLENGE)
    with pytest.raises(Killed):
        ask(static_profile, message)
    orphan = IssuedCertificate.objects.get()
    assert orphan.status == CertificateStatus.INTENDED
    assert 100 < int(orphan.serial, 16).bit_length() <= 128
    killed_while_signing()
    assert ask(static_profile, message).status == "0"
    sweep_certificates()
    orphan.refresh_from_db()
    assert orphan.status == CertificateStatus.INTENDED  # it may still be on its way
    IssuedCertificate.objects.filter(status=CertificateStatus.INTENDED).update(
        created_at=timezone.now() - timedelta(minutes=11)
    )
    sweep_certificates()
    sweep_certificates()
    orphan.refresh_from_db()
    assert orphan.status == CertificateStatus.REVOKED
    assert orphan.revoked_at is not None
    # Told once, and not as the revocation of what some device has.
    told = LogEntry.objects.filter(detail__serial=orphan.serial).values_list("code", flat=True)
    assert list(told) == ["certificate_abandoned"]
    assert IssuedCertificate.objects.filter(status=CertificateStatus.ISSUED).count() == 1


@pytest.mark.django_db
def test_old_challenges_are_forgotten_when_a_month_has_passed(
    dynamic_profile: ScepProfile,
) -> None:
    now = timezone.now()
    for age in (0, 10, 40):
        create_dynamic_challenge(dynamic_profile, session_id="", now=now - timedelta(days=age))
    sweep_certificates()
    assert DynamicChallenge.objects.filter(scep_profile=dynamic_profile).count() == 2


@pytest.mark.django_db
def test_certificate_comes_again_when_the_same_request_wins_in_the_middle(
    dynamic_profile: ScepProfile,
    ra: Any,
    ask: Any,
    refusals: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The other one is done after this one has looked for it and before it checks."""
    challenge = create_dynamic_challenge(dynamic_profile, session_id=SESSION, now=timezone.now())
    message = Device().build_request(ra=ra, challenge=challenge)
    check = challenges.check_challenge

    def check_late(*args: Any, **options: Any) -> Any:
        monkeypatch.undo()
        assert ask(dynamic_profile, message).status == "0"
        return check(*args, **options)

    monkeypatch.setattr(enrollment_request, "check_challenge", check_late)
    assert ask(dynamic_profile, message).status == "0"
    assert IssuedCertificate.objects.filter(status=CertificateStatus.ISSUED).count() == 1
    assert refusals == []
