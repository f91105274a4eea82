"""What devices are asked about themselves, when, and what is kept of their answers."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from devices.errors import CommandNotObeyable
from devices.models import (
    Command,
    Device,
    DeviceCertificate,
    Enrollment,
    Group,
    InstalledApplication,
    SoftwareTitle,
    SoftwareVersion,
)
from devices.protocol.inventory.values import MOST_FACTS
from devices.services import actions
from devices.services.inventory import MOST_AT_ONCE, ask_due, plan_next
from devices.services.queries import queue_questions
from devices.services.queue import enqueue
from devices.services.software_counts import count_software
from tests.devices.conftest import MakeDevice
from tests.devices.inventory import install, make_application
from tests.devices.mdm_device import MdmDevice

Answers = dict[str, dict[str, Any]]
DAY = timedelta(days=1)
MAC_SECURITY = {
    "FDE_Enabled": False,
    "FDE_HasPersonalRecoveryKey": True,
    "FDE_HasInstitutionalRecoveryKey": False,
    "FDE_PersonalRecoveryKeyCMS": b"sealed",
    "FirewallSettings": {"FirewallEnabled": True},
    "SecureBoot": {"SecureBootLevel": "full"},
    "SystemIntegrityProtectionEnabled": True,
}


def make_answers(*, supervised: bool = True, apps: Any = ()) -> Answers:
    return {
        "DeviceInformation": {"QueryResponses": {"IsSupervised": supervised, "OSVersion": "18.1"}},
        "SecurityInfo": {"SecurityInfo": MAC_SECURITY},
        "InstalledApplicationList": {"InstalledApplicationList": list(apps)},
        "CertificateList": {"CertificateList": []},
        "UserList": {"Users": [{"UserName": "ray", "UID": 501}]},
    }


def make_app(name: str, *, version: str = "1.0", **facts: Any) -> dict[str, Any]:
    return {"Identifier": f"com.example.{name}", "Name": name, "ShortVersion": version, **facts}


def list_apps(device: MdmDevice) -> dict[str, str]:
    rows = device.row.applications.select_related("version__title")
    return {row.version.title.identifier: row.version.short_version for row in rows}


def ask(device: MdmDevice, *names: str, answers: Answers) -> None:
    queue_questions(device.enrollment, names=names)
    device.answer_everything(answers)


@pytest.fixture
def device(make_device: MakeDevice) -> MdmDevice:
    return make_device().enroll()


@pytest.mark.parametrize(
    "request_type",
    [
        "DeviceInformation",
        "SecurityInfo",
        "ProfileList",
        "ManagedApplicationList",
        "InstalledApplicationList",
        "CertificateList",
        "UserList",
    ],
)
def test_an_acknowledgement_without_the_answer_leaves_what_is_known(
    device: MdmDevice, request_type: str
) -> None:
    device.answer_everything(make_answers(apps=[make_app("one")]))
    device_before, enrollment_before = _read_rows(device)
    command = enqueue(device.enrollment, command={"RequestType": request_type})
    device.take()
    device.take("Acknowledged", command.uuid, Other="told")
    command.refresh_from_db()
    assert (command.state, command.result) == ("acknowledged", {"Other": "told"})
    assert _read_rows(device) == (device_before, enrollment_before)
    assert list_apps(device) == {"com.example.one": "1.0"}


def _read_rows(device: MdmDevice) -> tuple[Any, Any]:
    asked = {"last_seen_at", "push_requested_at", "updated_at"}
    rows = [Device.objects.filter(pk=device.row.pk), Enrollment.objects.filter(device=device.row)]
    first, second = (
        {name: value for name, value in row.values().get().items() if name not in asked}
        for row in rows
    )
    return first, second


@pytest.fixture
def mac(make_device: MakeDevice) -> MdmDevice:
    return make_device(product="Mac15,12").enroll()


def test_facts_are_columns_with_their_time_when_a_device_has_answered(mac: MdmDevice) -> None:
    before = timezone.now()
    mac.answer_everything(make_answers(apps=[make_app("a")]))
    row = mac.row
    assert (row.is_supervised, row.os_version, row.os_version_number) == (True, "18.1", 1800010000)
    assert (row.filevault_enabled, row.recovery_key, row.recovery_key_escrowed) == (
        False,
        "personal",
        True,
    )
    assert (row.firewall_enabled, row.sip_enabled, row.secure_boot) == (True, True, "full")
    assert row.security["FDE_PersonalRecoveryKeyCMS"] == "(withheld)"
    assert row.users == [{"UserName": "ray", "UID": 501}]
    for facts in ("information", "security", "applications", "certificates", "users"):
        assert getattr(row, f"{facts}_reported_at") >= before, facts


@pytest.mark.parametrize(
    ("supervised", "group_allows", "user_enrollment", "is_everything"),
    [
        (True, False, False, True),
        (False, False, False, False),
        (False, True, False, True),
        (True, True, True, False),
    ],
)
def test_only_managed_apps_are_asked_for_when_the_device_may_be_a_persons(
    device: MdmDevice,
    supervised: bool,
    group_allows: bool,
    user_enrollment: bool,
    is_everything: bool,
) -> None:
    Group.objects.update(lists_all_apps=group_allows)
    Device.objects.update(is_user_enrollment=user_enrollment)
    answers = make_answers(supervised=supervised)
    del answers["SecurityInfo"]
    asked: dict[str, dict[str, Any]] = {}
    command = device.take()
    while command is not None:
        kind = command["Command"]["RequestType"]
        asked[kind] = command["Command"]
        command = device.take("Acknowledged", command["CommandUUID"], **answers.get(kind, {}))
    narrow = {} if is_everything else {"ManagedAppsOnly": True}
    assert asked["InstalledApplicationList"] == {
        "RequestType": "InstalledApplicationList",
        **narrow,
    }
    assert asked["CertificateList"].get("ManagedOnly", False) is not is_everything
    assert "UserList" not in asked


def test_rows_that_have_not_changed_stay_when_a_list_comes_again(device: MdmDevice) -> None:
    apps = [make_app("kept", BundleSize=10**8), make_app("updated"), make_app("removed")]
    device.answer_everything(make_answers(apps=apps))
    before = dict(InstalledApplication.objects.values_list("version__name", "pk"))
    apps = [make_app("kept", BundleSize=10**8 + 1), make_app("updated", version="2.0")]
    ask(device, "apps", answers=make_answers(apps=[*apps, make_app("new")]))
    after = dict(InstalledApplication.objects.values_list("version__name", "pk"))
    assert list_apps(device) == {
        "com.example.kept": "1.0",
        "com.example.updated": "2.0",
        "com.example.new": "1.0",
    }
    assert after["kept"] == before["kept"]
    kept = InstalledApplication.objects.get(version__name="kept")
    assert kept.bundle_size == 10**8  # a byte more is not worth a row


def test_a_size_is_written_again_when_it_has_grown_much(device: MdmDevice) -> None:
    device.answer_everything(make_answers(apps=[make_app("a", DynamicSize=10**7)]))
    ask(device, "apps", answers=make_answers(apps=[make_app("a", DynamicSize=10**8)]))
    assert InstalledApplication.objects.get().dynamic_size == 10**8


def test_an_app_is_stored_once_when_many_devices_have_it(make_device: MakeDevice) -> None:
    for _ in range(3):
        device = make_device().enroll()
        device.answer_everything(make_answers(apps=[make_app("a"), make_app("a"), make_app("b")]))
    assert SoftwareVersion.objects.count() == SoftwareTitle.objects.count() == 2
    assert InstalledApplication.objects.count() == 6


def test_a_list_is_not_kept_when_it_is_not_the_one_that_is_wanted(device: MdmDevice) -> None:
    device.answer_everything(make_answers(supervised=False, apps=[make_app("managed")]))
    for body in (
        {"RequestType": "InstalledApplicationList"},  # everything, from a person's device
        {"RequestType": "InstalledApplicationList", "ManagedAppsOnly": True, "Identifiers": ["x"]},
    ):
        enqueue(device.enrollment, command=body)
        device.answer_everything(make_answers(apps=[make_app("private")]))
    assert list_apps(device) == {"com.example.managed": "1.0"}


def test_a_long_list_is_not_kept_twice_when_it_is_answered(device: MdmDevice) -> None:
    device.answer_everything(make_answers(apps=[make_app("a")]))
    command = Command.objects.get(request_type="InstalledApplicationList")
    assert command.result == {}


@pytest.mark.parametrize("answer", [None, 5, "x", {}, [True, 5, {"Name": 5}], [[["deep"]]]])
def test_the_device_is_served_when_its_lists_are_odd(device: MdmDevice, answer: Any) -> None:
    answers = make_answers()
    for kind, key in (
        ("InstalledApplicationList", "InstalledApplicationList"),
        ("CertificateList", "CertificateList"),
        ("UserList", "Users"),
        ("ProfileList", "ProfileList"),
    ):
        answers[kind] = {} if answer is None else {key: answer}
    assert "CertificateList" in device.answer_everything(answers)
    assert list_apps(device) == {}


def test_certificates_are_replaced_when_a_list_comes_again(device: MdmDevice) -> None:
    certificate = device.identity.certificate
    from cryptography.hazmat.primitives.serialization import Encoding

    own = {"CommonName": "me", "IsIdentity": True, "Data": certificate.public_bytes(Encoding.DER)}
    broken = {"CommonName": "broken", "IsIdentity": False, "Data": b"nonsense"}
    answers = make_answers() | {"CertificateList": {"CertificateList": [own, broken]}}
    device.answer_everything(answers)
    rows = {row.common_name: row for row in DeviceCertificate.objects.filter(device=device.row)}
    assert rows["me"].not_after == certificate.not_valid_after_utc
    assert rows["me"].is_identity
    assert (rows["broken"].subject, rows["broken"].not_after) == ("", None)
    ask(device, "certificates", answers={"CertificateList": {"CertificateList": [own]}})
    [left] = DeviceCertificate.objects.filter(device=device.row)
    assert left.pk == rows["me"].pk


def plan(device: MdmDevice) -> Any:
    """Let the sweep give the device its time; return it."""
    ask_due(now=timezone.now())
    due_at = device.enrollment.inventory_due_at
    assert due_at is not None
    return due_at


def test_devices_have_times_all_over_the_day_when_they_are_many(settings: Any) -> None:
    now = timezone.now()
    due = [plan_next(f"dev_{number}", now=now) for number in range(2400)]
    hours = Counter(int((moment - now).total_seconds() // 3600) % 24 for moment in due)
    assert len(hours) == 24
    assert max(hours.values()) < 200
    assert all(now + DAY / 4 <= moment <= now + DAY * 5 / 4 for moment in due)
    again = plan_next("dev_1", now=due[1])
    assert again == due[1] + DAY


def test_a_device_is_asked_once_when_its_time_has_come(device: MdmDevice) -> None:
    device.answer_everything(make_answers())
    Command.objects.all().delete()
    due_at = plan(device)
    assert not Command.objects.exists()  # it was asked when it enrolled
    assert ask_due(now=due_at - timedelta(minutes=1)) == 0
    assert [ask_due(now=due_at), ask_due(now=due_at)] == [1, 0]
    commands = Command.objects.all()
    assert {command.request_type for command in commands} == {
        "DeviceInformation",
        "SecurityInfo",
        "ProfileList",
    }
    assert all(command.priority < 0 for command in commands)
    device.answer_everything(make_answers(apps=[make_app("a")]))
    assert list_apps(device) == {"com.example.a": "1.0"}
    assert Command.objects.get(request_type="InstalledApplicationList").priority < 0


def test_questions_are_not_doubled_when_a_device_was_silent(device: MdmDevice) -> None:
    device.answer_everything(make_answers())
    due_at = plan(device)
    for day in range(3):
        ask_due(now=due_at + day * DAY)
    waiting = Command.objects.filter(state="queued")
    assert Counter(waiting.values_list("request_type", flat=True)).most_common(1)[0][1] == 1


def test_yesterdays_questions_are_gone_when_today_is_asked(device: MdmDevice) -> None:
    device.answer_everything(make_answers())
    due_at = plan(device)
    kept = Command.objects.count()  # what was asked at the enrollment is its history
    for day in range(3):
        ask_due(now=due_at + day * DAY)
        device.answer_everything(make_answers())
    assert Command.objects.count() == kept + 5


def test_nobody_is_asked_when_the_enrollment_is_over(device: MdmDevice) -> None:
    due_at = plan(device)
    Enrollment.objects.update(state="checked_out")
    assert ask_due(now=due_at) == 0


def test_a_sweep_is_bounded_when_all_devices_are_due(
    device: MdmDevice, monkeypatch: pytest.MonkeyPatch, make_device: MakeDevice
) -> None:
    monkeypatch.setattr("devices.services.inventory.MOST_AT_ONCE", 1)
    make_device().enroll()
    past = timezone.now() - DAY
    Enrollment.objects.update(inventory_due_at=past)
    assert [ask_due(now=timezone.now()) for _ in range(3)] == [1, 1, 0]
    assert MOST_AT_ONCE * 60 * 24 >= 100_000


def test_managed_apps_are_asked_for_again_when_a_policy_once_did(device: MdmDevice) -> None:
    device.answer_everything(make_answers())
    due_at = plan(device)
    Enrollment.objects.update(applications_reported_at=timezone.now())
    ask_due(now=due_at)
    assert Command.objects.filter(request_type="ManagedApplicationList").exists()


def test_apps_are_counted_when_devices_have_listed_them(make_device: MakeDevice) -> None:
    first, second = make_device().enroll().row, make_device().enroll().row
    old = make_application("com.example.a", name="Name", short_version="1")
    new = make_application("com.example.a", name="Name", short_version="2")
    install(first, old, new, make_application("com.example.b"))
    install(second, new)
    count_software(now=timezone.now())
    a, b = SoftwareTitle.objects.all()
    assert (a.identifier, a.name, a.device_count, a.version_count) == (
        "com.example.a",
        "Name",
        2,
        2,
    )
    assert (b.device_count, b.version_count) == (1, 1)
    assert [version.device_count for version in a.versions.all()] == [2, 1]
    assert count_software(now=timezone.now()) == 0


def test_apps_that_nobody_has_are_dropped_when_a_day_has_passed(make_device: MakeDevice) -> None:
    device = make_device().enroll().row
    install(device, "com.example.gone")
    count_software(now=timezone.now())
    install(device)
    count_software(now=timezone.now())
    assert SoftwareTitle.objects.get().device_count == 0
    count_software(now=timezone.now() + 2 * DAY)
    assert not SoftwareTitle.objects.exists()


RIGHTS = {
    "SecurityInfo": 1024,
    "ProfileList": 1,
    "CertificateList": 1,
    "InstalledApplicationList": 256,
}
ALL_RIGHTS = 8191


@pytest.mark.parametrize("right", sorted(set(RIGHTS.values())))
def test_only_what_the_enrollment_profile_had_the_right_to_ask_for_is_asked(
    mac: MdmDevice, right: int
) -> None:
    mac.answer_everything(make_answers())
    Command.objects.all().delete()
    Enrollment.objects.update(access_rights=ALL_RIGHTS & ~right)
    names = ["information", "security", "profiles", "apps", "certificates"]
    queue_questions(mac.enrollment, names=names)
    asked = set(Command.objects.values_list("request_type", flat=True))
    assert asked == {"DeviceInformation"} | {name for name, bit in RIGHTS.items() if bit != right}


def test_rights_that_are_not_known_refuse_nothing(mac: MdmDevice) -> None:
    assert mac.enrollment.access_rights is None
    asked = mac.answer_everything(make_answers())
    assert set(RIGHTS) <= set(asked)


def test_the_apps_are_not_asked_for_after_device_information_without_the_right(
    mac: MdmDevice,
) -> None:
    Enrollment.objects.update(access_rights=ALL_RIGHTS & ~256)
    asked = mac.answer_everything(make_answers())
    assert "CertificateList" in asked
    assert "InstalledApplicationList" not in asked
    with pytest.raises(CommandNotObeyable, match="right to list installed apps"):
        actions.ask(mac.row, facts="apps", actor="a")


def test_facts_do_not_pile_up_when_a_device_invents_them(device: MdmDevice) -> None:
    for turn in range(2):
        facts = {f"Fact{turn}-{number}": "x" for number in range(MOST_FACTS)}
        enqueue(device.enrollment, command={"RequestType": "DeviceInformation"})
        device.answer_everything({"DeviceInformation": {"QueryResponses": facts}})
    assert device.row.information == facts
