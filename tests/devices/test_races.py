"""Devices and connections at the same moment, on a database that threads share."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from threading import Event, get_ident
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.db import connection, transaction
from django.utils import timezone

from devices.errors import NotEnrolled
from devices.models import Command, Device, Enrollment, PushCertificate
from devices.services.actions import unenroll
from devices.services.identities.renewal import start_due_renewals
from devices.services.lapse import mark_identity_revoked
from devices.services.push.certificate import create_csr, import_push_certificate
from devices.services.queue import enqueue, take_next, withdraw
from policies.tasks import apply_policies
from scep.errors import IdentityRevoked
from scep.models import IssuedCertificate
from scep.services.issuance import revoke_certificate
from scep.services.revocation import mark_stale
from tests.devices import orders
from tests.devices.conftest import MakeDevice, News
from tests.devices.fleet import Fleet
from tests.devices.mdm_device import MdmDevice
from tests.devices.pushing import count_by_token, push
from tests.devices.renewal import make_due, renew
from tests.simulator.apns import FakeApns, make_authority

pytestmark = pytest.mark.django_db(transaction=True)


def run_together(work: Callable[[int], Any], *, count: int) -> list[Any]:
    def job(number: int) -> Any:
        try:
            return work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(job, range(count)))


def test_parallel_connections_never_get_the_same_command(
    make_device: MakeDevice, started: list[str]
) -> None:
    device = make_device().enroll()
    Command.objects.all().delete()
    enrollment = device.enrollment
    for number in range(24):
        enqueue(enrollment, command={"RequestType": f"C{number}"})

    def drain(_: int) -> list[str]:
        uuids = []
        while command := take_next(enrollment, now=timezone.now(), is_new_session=True):
            uuids.append(command.uuid)
        return uuids

    taken = [uuid for uuids in run_together(drain, count=6) for uuid in uuids]
    assert len(taken) == len(set(taken)) == 24
    assert set(Command.objects.values_list("attempts", flat=True)) == {1}


def test_a_query_that_many_ask_for_at_once_is_queued_once(
    make_device: MakeDevice, started: list[str]
) -> None:
    device = make_device().enroll()
    Command.objects.all().delete()
    enrollment = device.enrollment
    query = {"RequestType": "ProfileList"}
    found = run_together(lambda _: enqueue(enrollment, command=query).pk, count=8)
    assert len(set(found)) == Command.objects.count() == 1


def test_a_command_that_is_cancelled_while_it_is_taken_is_one_of_both(
    make_device: MakeDevice, started: list[str]
) -> None:
    device = make_device().enroll()
    Command.objects.all().delete()
    enrollment = device.enrollment
    commands = [enqueue(enrollment, command={"RequestType": f"C{n}"}) for n in range(12)]

    def work(number: int) -> set[int]:
        if number % 2:
            return {row.pk for row in commands if withdraw(row.uuid)}
        taken = set()
        while command := take_next(enrollment, now=timezone.now(), is_new_session=False):
            taken.add(command.pk)
        return taken

    outcomes = run_together(work, count=4)
    seen = [pk for outcome in outcomes for pk in outcome]
    assert len(seen) == len(set(seen)) == 12


def test_a_device_that_was_erased_waits_in_no_circle_when_its_identity_is_revoked(
    make_device: MakeDevice, started: list[str]
) -> None:
    """Its answer comes once: refused by the database, it would be lost."""
    device = make_device().enroll()
    device.answer_everything()
    orders.erase(device.row, actor="a")
    command, identity = device.take(), device.identity.row
    assert command is not None
    assert identity is not None
    is_held = Event()

    def revoke() -> int:
        """Take what revoke_certificate takes: the CA's list, and then the device."""
        with transaction.atomic():
            mark_stale(identity.issuer_id)
            is_held.set()
            time.sleep(0.3)
            mark_identity_revoked(identity.fingerprint or "")
        return 200

    def obey() -> int:
        assert is_held.wait(10)
        return device.connect("Acknowledged", command["CommandUUID"]).status_code

    assert run_together(lambda number: (revoke, obey)[number](), count=2) == [200, 200]
    assert device.enrollment.state == "removed"


def test_a_renewed_identity_takes_over_once_when_it_speaks_on_many_connections(
    make_device: MakeDevice, news: News, started: list[str]
) -> None:
    device = make_device().enroll()
    device.answer_everything()
    device.identity = renew(device)
    answers = run_together(
        lambda number: [device.connect, device.token_update][number % 2](), count=6
    )
    assert {answer.status_code for answer in answers} == {200}
    assert len(news["identity_renewed"]) == 1
    assert device.enrollment.state == "live"


def test_who_renews_and_who_revokes_wait_in_no_circle(
    make_device: MakeDevice, started: list[str]
) -> None:
    device = make_device().enroll()
    identity = device.identity.row
    assert identity is not None
    is_held = Event()

    def revoke() -> None:
        """The real thing, with a pause after what it takes first."""
        with transaction.atomic():
            mark_stale(identity.issuer_id)
            IssuedCertificate.objects.filter(pk=identity.pk).update(updated_at=timezone.now())
            is_held.set()
            time.sleep(0.3)
            revoke_certificate(identity, reason="key_compromise", now=timezone.now())

    def take() -> None:
        assert is_held.wait(10)
        with pytest.raises(IdentityRevoked):
            renew(device)

    run_together(lambda number: (revoke, take)[number](), count=2)
    issued = IssuedCertificate.objects.exclude(status="revoked")
    assert not issued.filter(renews=identity).exists()
    assert device.row.status == "not_managed"


def test_one_renewal_is_queued_when_many_sweeps_run_at_once(
    make_device: MakeDevice, started: list[str]
) -> None:
    device = make_device().enroll()
    make_due(device)
    assert sum(run_together(lambda _: start_due_renewals(now=timezone.now()), count=6)) == 1
    assert Command.objects.filter(origin="renewal").count() == 1


def test_two_connections_of_one_device_get_different_commands_over_http(
    make_device: MakeDevice, started: list[str]
) -> None:
    device = make_device().enroll()
    answers = run_together(lambda _: device.take(), count=3)
    assert len({answer["CommandUUID"] for answer in answers}) == 3


def test_an_authenticate_sent_twice_at_once_is_one_enrollment(
    make_device: MakeDevice, news: News, started: list[str]
) -> None:
    device = make_device()
    responses = run_together(lambda _: device.authenticate().status_code, count=4)
    assert responses == [200] * 4
    assert Enrollment.objects.count() == Device.objects.count() == 1
    assert len(news["device_authenticated"]) == 1


def test_a_token_update_sent_twice_at_once_enrolls_once(
    make_device: MakeDevice, news: News, started: list[str]
) -> None:
    device = make_device()
    device.authenticate()
    responses = run_together(lambda _: device.token_update().status_code, count=4)
    assert responses == [200] * 4
    assert len(news["device_enrolled"]) == 1
    assert Command.objects.count() == 3


def test_a_result_sent_twice_at_once_is_told_once(
    make_device: MakeDevice, news: News, started: list[str]
) -> None:
    device = make_device().enroll()
    command = device.take()
    assert command is not None
    uuid = command["CommandUUID"]
    statuses = ["Acknowledged", "Error", "Acknowledged", "Error"]
    run_together(lambda n: device.connect(statuses[n], uuid).status_code, count=4)
    assert len(news["command_finished"]) == 1


def test_no_message_waits_for_another_in_a_circle_when_all_note_that_the_device_is_here(
    make_device: MakeDevice, started: list[str]
) -> None:
    device = make_device().enroll()
    device.answer_everything()
    for _ in range(3):
        past = timezone.now() - timedelta(hours=1)
        Enrollment.objects.update(last_seen_at=past, push_attempts=2)
        Device.objects.update(last_seen_at=past)
        kinds = [device.connect, device.token_update, device.connect]
        answers = run_together(lambda n, kinds=kinds: kinds[n % 3](), count=6)  # type: ignore[misc]
        assert {answer.status_code for answer in answers} == {200}
        assert device.row.last_seen_at is not None
        assert device.row.last_seen_at > past
        assert device.enrollment.push_attempts == 0


def test_clones_with_one_serial_number_wait_in_no_circle_when_they_enroll_at_once(
    make_device: MakeDevice, started: list[str]
) -> None:
    for number in range(2):
        clones = [make_device(serial=f"CLONE{number}") for _ in range(6)]

        def tell(each: int, clones: list[MdmDevice] = clones) -> int:
            command = clones[each].take()
            assert command is not None
            facts = {"QueryResponses": {"SerialNumber": clones[each].serial}}
            return clones[each].connect("Acknowledged", command["CommandUUID"], **facts).status_code

        def enroll(each: int, clones: list[MdmDevice] = clones) -> int:
            clones[each].enroll()
            return 200

        for act in (enroll, tell):
            assert set(run_together(act, count=len(clones))) == {200}
        assert all("has its serial number" in clone.row.warning for clone in clones)


def test_twelve_devices_enroll_at_once(make_device: MakeDevice, started: list[str]) -> None:
    devices = [make_device() for _ in range(12)]
    run_together(lambda n: devices[n].enroll(), count=12)
    assert Device.objects.filter(status="enrolled").count() == 12


def test_workers_share_the_pushes_and_none_is_sent_twice(
    fleet: Fleet, apns: FakeApns, started: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.add(120)
    apns.delay_next(0.2, count=40)
    # A thread for each worker process; a connection belongs to a process.
    monkeypatch.setattr("devices.services.apns.channel.os.getpid", get_ident)
    shares = run_together(lambda _: push(), count=4)
    assert apns.connections > 1
    assert sum(shares) == 120
    assert count_by_token(apns) == dict.fromkeys(fleet.tokens, 1)


def test_a_push_asked_for_while_one_is_on_the_way_is_sent_after_it(
    make_device: MakeDevice, apns: FakeApns, started: list[str]
) -> None:
    device = make_device().enroll()
    apns.register(device.token, device.magic, device.topic, lambda: come_and_ask(device))
    asked: list[bool] = []

    def come_and_ask(device: MdmDevice) -> None:
        """The device is quicker than APNs' answer, and a command comes after it has left."""
        if not asked:
            asked.append(True)
            device.answer_everything()
            enqueue(device.enrollment, command={"RequestType": "RestartDevice"})
            connection.close()

    assert push() == 2
    assert device.enrollment.push_attempts == 1


def test_a_device_that_leaves_waits_for_nobody_in_a_circle(
    make_device: MakeDevice, started: list[str]
) -> None:
    """CheckOut, TokenUpdate, an answer, an administrator and a sweep, all at once."""
    for _ in range(4):
        device = make_device().enroll()
        command, row = device.take(), device.row
        assert command is not None
        uuid, enrollment = command["CommandUUID"], device.enrollment

        def act(
            number: int,
            device: MdmDevice = device,
            row: Device = row,
            uuid: str = uuid,
            enrollment: Enrollment = enrollment,
        ) -> int:
            if number % 5 == 3:
                with suppress(NotEnrolled):
                    unenroll(row, actor="a")
            elif number % 5 == 4:
                apply_policies(enrollment.pk)
            else:
                facts = {"QueryResponses": {"DeviceName": "Here"}}
                messages = [
                    device.check_out,
                    device.token_update,
                    lambda: device.connect("Acknowledged", uuid, **facts),
                ]
                return messages[number % 5]().status_code
            return 200

        assert set(run_together(act, count=10)) <= {200, 403}
        assert device.row.status == "unenrolled"


def test_one_push_certificate_is_active_when_two_are_imported_at_once(bootstrapped: None) -> None:
    PushCertificate.objects.all().delete()
    apple = make_authority()
    offers = [apple.issue_push_certificate(f"com.apple.mgmt.External.{n}") for n in range(2)]
    is_imported = Event()

    def load(number: int) -> None:
        """The second one comes before the first one's commit."""
        assert number == 0 or is_imported.wait(30)
        offer = offers[number]
        with transaction.atomic():
            import_push_certificate(
                offer.certificate_pem, key=offer.key_pem, now=timezone.now(), actor="ada"
            )
            is_imported.set()
            time.sleep(0.3)

    run_together(load, count=2)
    assert PushCertificate.objects.count() == 2
    assert PushCertificate.objects.get(is_active=True).topic.endswith(".1")


def test_a_csr_that_many_ask_for_at_once_is_for_one_key(bootstrapped: None) -> None:
    PushCertificate.objects.all().delete()
    requests = run_together(lambda _: create_csr(actor="ada"), count=6)
    der, spki = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    keys = {x509.load_pem_x509_csr(pem).public_key().public_bytes(der, spki) for pem in requests}
    assert len(keys) == PushCertificate.objects.count() == 1
