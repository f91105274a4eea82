"""The usual message by one statement: what it answers, what it leaves to the ordinary way."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from devices.models import Command, Device, Enrollment
from devices.protocol.identity import Proof
from devices.services import known_sender
from devices.services.known_sender import find_known_sender
from devices.services.queue import enqueue, mark_sent
from devices.services.removal import end_enrollment
from scep.models import CertificateAuthority, IssuedCertificate
from scep.services.issuance import revoke_certificate
from tests.devices.conftest import MakeDevice
from tests.devices.mdm_device import MdmDevice
from tests.devices.renewal import renew

HOUR = timedelta(hours=1)


@pytest.fixture
def phone(make_device: MakeDevice) -> MdmDevice:
    device = make_device().enroll()
    device.answer_everything()
    Command.objects.all().delete()
    return device


@pytest.fixture(params=["one statement", "ordinary way"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The same message once by each way: nothing that a device notices may differ."""
    if request.param == "ordinary way":
        monkeypatch.setattr(known_sender, "find_familiar_issuer", lambda proof, *, now: None)
        for module in ("views", "services.known_result"):
            monkeypatch.setattr(
                f"devices.{module}.find_familiar_issuer", lambda proof, *, now: None
            )
    return str(request.param)


def find(device: MdmDevice, **changes: Any) -> Any:
    values: dict[str, Any] = {"udid": device.udid, "now": timezone.now()} | changes
    return find_known_sender(Proof(device.identity.certificate), **values)


def queue(device: MdmDevice, *names: str) -> list[str]:
    return [
        enqueue(device.enrollment, command={"RequestType": name, "Text": "a & <b>"}).uuid
        for name in names
    ]


def test_an_idle_without_news_is_one_statement(phone: MdmDevice) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert phone.take() is None
    assert len(queries) == 1


def test_a_command_is_handed_out_by_two_statements(phone: MdmDevice) -> None:
    queue(phone, "RestartDevice")
    with CaptureQueriesContext(connection) as queries:
        assert phone.take() is not None
    assert len(queries) == 2


@pytest.mark.parametrize(
    ("status", "statements"),
    [("Acknowledged", 1), ("Error", 1), ("CommandFormatError", 1), ("NotNow", 2)],
)
def test_a_result_takes_few_statements_and_three_with_the_next_command(
    phone: MdmDevice, status: str, statements: int
) -> None:
    first, second = queue(phone, "RestartDevice", "InstalledApplicationList")
    phone.take()
    with CaptureQueriesContext(connection) as queries:
        answer = phone.take(status, first)
    assert answer is not None
    assert answer["CommandUUID"] == second
    assert len(queries) == 3
    with CaptureQueriesContext(connection) as queries:
        assert phone.take(status, second) is None
    assert len(queries) == statements


def test_what_an_answer_brings_up_is_asked_at_once(phone: MdmDevice, way: str) -> None:
    [uuid] = queue(phone, "DeviceInformation")
    phone.take()
    following = phone.take("Acknowledged", uuid, QueryResponses={"DeviceName": "Mine"})
    assert following is not None
    assert following["Command"]["RequestType"] == "InstalledApplicationList"
    assert phone.row.name == "Mine"


def test_a_report_about_nobodys_command_brings_the_next_one(
    phone: MdmDevice, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    [uuid] = queue(phone, "RestartDevice")
    for unknown in ("", "another"):
        Command.objects.update(state="queued")
        answer = phone.take("Error", unknown)
        assert answer is not None
        assert answer["CommandUUID"] == uuid
    assert caplog.text.count("was not given") == 2


def test_a_command_that_another_connection_takes_meanwhile_is_not_handed_out_twice(
    phone: MdmDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = queue(phone, "A", "B", "C")
    phone.take()

    def mark_late(*arguments: Any, **named: Any) -> bool:
        Command.objects.filter(uuid=second).update(state="sent", attempts=1)
        return mark_sent(*arguments, **named)

    monkeypatch.setattr("devices.services.connect.mark_sent", mark_late)
    answer = phone.take("Acknowledged", first)
    assert answer is not None
    assert answer["CommandUUID"] == third


def test_both_ways_hand_out_the_same(phone: MdmDevice, way: str) -> None:
    first, second, third = queue(phone, "A", "B", "C")
    assert phone.take() == {
        "CommandUUID": first,
        "Command": {"RequestType": "A", "Text": "a & <b>"},
    }
    answers = [
        phone.take("NotNow", first),
        phone.take("Error", second),
        phone.take("NotNow", third),
    ]
    assert [answer and answer["CommandUUID"] for answer in answers] == [second, third, None]
    again = phone.take()
    assert again is not None
    assert again["CommandUUID"] == first
    assert phone.take("Acknowledged", first, UserID="somebody") is None
    states = Command.objects.order_by("id").values_list("state", "attempts")
    assert list(states) == [("sent", 2), ("error", 1), ("queued", 1)]


def test_both_ways_note_that_the_device_is_here(
    phone: MdmDevice, make_device: MakeDevice, way: str
) -> None:
    past, other = timezone.now() - HOUR, make_device().enroll()
    Enrollment.objects.update(last_seen_at=past, push_attempts=3, push_not_before=past)
    Device.objects.update(last_seen_at=past)
    phone.take()
    enrollment = phone.enrollment
    assert phone.row.last_seen_at is not None
    assert phone.row.last_seen_at > past
    assert enrollment.last_seen_at == phone.row.last_seen_at
    assert (enrollment.push_attempts, enrollment.push_not_before) == (0, None)
    elsewhere = other.enrollment
    assert (elsewhere.push_attempts, elsewhere.last_seen_at) == (3, past)
    assert other.row.last_seen_at == past


def test_a_result_notes_that_the_device_is_here(phone: MdmDevice, way: str) -> None:
    [uuid] = queue(phone, "RestartDevice")
    phone.take()
    past = timezone.now() - HOUR
    Enrollment.objects.update(last_seen_at=past, push_attempts=3, push_not_before=past)
    phone.take("Acknowledged", uuid)
    enrollment = phone.enrollment
    assert enrollment.last_seen_at is not None
    assert enrollment.last_seen_at > past
    assert (enrollment.push_attempts, enrollment.push_not_before) == (0, None)


def test_a_device_ends_no_command_of_another(phone: MdmDevice, make_device: MakeDevice) -> None:
    other = make_device().enroll()
    other.answer_everything()
    [uuid] = queue(other, "RestartDevice")
    assert phone.take("Acknowledged", uuid) is None
    assert Command.objects.get(uuid=uuid).state == "queued"


def test_both_ways_let_a_failing_push_wait(phone: MdmDevice, way: str) -> None:
    past = timezone.now() - HOUR
    Enrollment.objects.update(
        last_seen_at=past, push_attempts=3, push_not_before=past, push_error="config"
    )
    phone.take()
    enrollment = phone.enrollment
    assert enrollment.last_seen_at is not None
    assert enrollment.last_seen_at > past
    assert (enrollment.push_attempts, enrollment.push_not_before) == (3, past)


def test_a_device_that_was_given_up_for_silence_is_enrolled_again(
    phone: MdmDevice, way: str
) -> None:
    Enrollment.objects.update(last_seen_at=timezone.now() - timedelta(days=40))
    Device.objects.update(status="not_managed")
    phone.take()
    assert phone.row.status == "enrolled"


def _revoke(phone: MdmDevice) -> None:
    assert phone.identity.row is not None
    revoke_certificate(phone.identity.row, reason="key_compromise", now=timezone.now())


def _forget(phone: MdmDevice) -> None:
    IssuedCertificate.objects.filter(pk=phone.identity.row.pk).update(status="intended")  # type: ignore[union-attr]


def _end(phone: MdmDevice) -> None:
    end_enrollment(phone.enrollment, state="removed", now=timezone.now())


def _supersede(phone: MdmDevice) -> None:
    Enrollment.objects.update(state="superseded")


def _move_to_another_device(phone: MdmDevice) -> None:
    Device.objects.filter(udid=phone.udid).update(udid="another")


def _change_the_pin(phone: MdmDevice) -> None:
    Enrollment.objects.update(certificate_sha256="0" * 64)


@pytest.mark.parametrize(
    "change", [_revoke, _forget, _end, _supersede, _move_to_another_device, _change_the_pin]
)
def test_what_an_administrator_changes_counts_from_the_next_message(
    phone: MdmDevice, change: Any
) -> None:
    queue(phone, "RestartDevice")
    assert find(phone) is not None
    change(phone)
    assert find(phone) is None
    assert phone.connect().status_code == 403
    [command] = Command.objects.all()
    assert command.attempts == 0
    assert phone.connect("Acknowledged", command.uuid).status_code == 403
    command.refresh_from_db()
    assert command.state in ("queued", "cancelled")


def test_nothing_is_written_for_a_sender_that_is_not_trusted(phone: MdmDevice) -> None:
    past = timezone.now() - HOUR
    Enrollment.objects.update(last_seen_at=past)
    assert find(phone, udid="another") is None
    assert phone.enrollment.last_seen_at == past


def test_an_expired_certificate_is_left_to_the_ordinary_way(phone: MdmDevice) -> None:
    end = phone.identity.certificate.not_valid_after_utc
    Enrollment.objects.update(last_seen_at=end)
    assert find(phone, now=end + timedelta(minutes=9)) is not None
    assert find(phone, now=end + timedelta(minutes=11)) is None


def test_another_ca_of_the_same_name_does_not_pass_for_the_one_that_was_verified(
    phone: MdmDevice,
) -> None:
    assert phone.identity.row is not None
    CertificateAuthority.objects.filter(pk=phone.identity.row.issuer_id).update(
        fingerprint="0" * 64
    )
    assert find(phone) is None


def test_a_renewed_identity_takes_over_by_the_ordinary_way_and_is_known_then(
    phone: MdmDevice,
) -> None:
    old, phone.identity = phone.identity, renew(phone)
    assert find(phone) is None
    assert phone.connect().status_code == 200
    assert find(phone) is not None
    phone.identity = old
    assert find(phone) is None
    assert phone.connect().status_code == 200
