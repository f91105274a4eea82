"""What is kept of devices' answers about themselves."""

import plistlib
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from devices.models import (
    Command,
    Device,
    DeviceCertificate,
    Enrollment,
    InstalledApplication,
    SoftwareTitle,
    SoftwareVersion,
)
from devices.protocol.inventory.applications import MOST
from devices.protocol.inventory.values import MOST_FACTS
from devices.services.queries import queue_questions
from devices.services.queue import enqueue
from devices.services.software_counts import count_software
from tests.devices.conftest import MakeDevice
from tests.devices.inventory import (
    ask,
    install,
    list_apps,
    make_answers,
    make_app,
    make_application,
)
from tests.devices.mdm_device import CONNECT, MdmDevice

DAY = timedelta(days=1)


@pytest.fixture
def device(make_device: MakeDevice) -> MdmDevice:
    return make_device().enroll()


@pytest.fixture
def mac(make_device: MakeDevice) -> MdmDevice:
    return make_device(product="Mac15,12").enroll()


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


def test_apps_are_listed_when_ones_name_has_a_control_character(mac: MdmDevice) -> None:
    """A Mac writes it into XML as it is, beside the names of all the other apps."""
    mac.answer_everything()
    queue_questions(mac.enrollment, names=["apps"])
    command = mac.take()
    assert command is not None
    apps = [make_app("one"), make_app("two", Name="Type?writer")]
    answer = {"Status": "Acknowledged", "CommandUUID": command["CommandUUID"], **mac.names}
    written = plistlib.dumps(answer | {"InstalledApplicationList": apps})
    response = mac.put(CONNECT, written.replace(b"Type?writer", b"Type\x0bwriter"))
    assert response.status_code == 200
    assert list_apps(mac) == {"com.example.one": "1.0", "com.example.two": "1.0"}
    assert SoftwareTitle.objects.filter(name="Type\x0bwriter").exists()


@pytest.mark.parametrize(
    ("fmt", "name", "odd"),
    [
        (plistlib.FMT_XML, b"Type?writer", b"Type\0writer"),
        (plistlib.FMT_BINARY, b"Type?writer", b"Type\0writer"),
        (
            plistlib.FMT_BINARY,
            "Type€writer".encode("utf-16-be"),
            "Type\0writer".encode("utf-16-be"),
        ),
        (plistlib.FMT_BINARY, "Type😀writer".encode("utf-16-be"), None),
    ],
)
def test_apps_are_listed_when_ones_name_holds_what_no_database_takes(
    mac: MdmDevice, fmt: Any, name: bytes, odd: bytes | None
) -> None:
    mac.answer_everything()
    queue_questions(mac.enrollment, names=["apps"])
    command = mac.take()
    assert command is not None
    is_wide = b"\0" in name
    text = name.decode("utf-16-be" if is_wide else "ascii")
    apps = [make_app("one"), make_app("two", Name=text)]
    answer = {"Status": "Acknowledged", "CommandUUID": command["CommandUUID"], **mac.names}
    written = plistlib.dumps(answer | {"InstalledApplicationList": apps}, fmt=fmt)
    if odd is None:  # the second half of the pair becomes a letter
        odd = name.replace("😀".encode("utf-16-be")[2:], "-".encode("utf-16-be"))
    assert written.count(name) == 1
    assert mac.put(CONNECT, written.replace(name, odd)).status_code == 200
    assert list_apps(mac) == {"com.example.one": "1.0", "com.example.two": "1.0"}
    shown = "Type\ufffd-writer" if "😀" in text else "Type\ufffdwriter"
    assert SoftwareTitle.objects.filter(name=shown).exists()


def test_the_first_apps_of_a_list_are_kept_when_it_fills_the_largest_message(
    mac: MdmDevice,
) -> None:
    """16,000 apps with 15 keys each, as close together as XML allows."""
    mac.answer_everything()
    queue_questions(mac.enrollment, names=["apps"])
    command = mac.take()
    assert command is not None
    flags = "".join(f"<key>IsOfTheKind{number}</key><false/>" for number in range(13))
    apps = "".join(
        f"<dict><key>Identifier</key><string>com.example.{number}</string>"
        f"<key>Name</key><string>{number}</string>{flags}</dict>"
        for number in range(16_000)
    )
    answer = {"Status": "Acknowledged", "CommandUUID": command["CommandUUID"], **mac.names}
    written = plistlib.dumps(answer | {"InstalledApplicationList": ["APPS"]})
    response = mac.put(CONNECT, written.replace(b"<string>APPS</string>", apps.encode()))
    assert response.status_code == 200
    assert mac.row.applications.count() == MOST


def _read_rows(device: MdmDevice) -> tuple[Any, Any]:
    asked = {"last_seen_at", "push_requested_at", "updated_at"}
    rows = [Device.objects.filter(pk=device.row.pk), Enrollment.objects.filter(device=device.row)]
    first, second = (
        {name: value for name, value in row.values().get().items() if name not in asked}
        for row in rows
    )
    return first, second


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


def test_a_device_turns_no_words_around_its_name_when_it_tells_it(device: MdmDevice) -> None:
    answers = make_answers()
    answers["DeviceInformation"]["QueryResponses"]["DeviceName"] = "\u202eenohPi\u202c \u05e9"
    device.answer_everything(answers)
    assert device.row.name == "enohPi \u05e9"


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


def _answer_apps(device: MdmDevice, apps: Any) -> list[str]:
    """Answer the question after apps; returns the server's statements."""
    queue_questions(device.enrollment, names=["apps"])
    question = device.take()
    assert question is not None
    answer = {"InstalledApplicationList": list(apps)}
    with CaptureQueriesContext(connection) as done:
        assert device.connect("Acknowledged", question["CommandUUID"], **answer).status_code == 200
    return [query["sql"] for query in done.captured_queries]


def test_a_long_list_costs_as_many_statements_as_a_short_one_when_all_is_new(
    device: MdmDevice,
) -> None:
    device.answer_everything(make_answers())
    short = _answer_apps(device, [make_app(f"a{number}") for number in range(3)])
    apps = [make_app(f"b{number}", BundleSize=number) for number in range(2000)]
    long = _answer_apps(device, apps)
    grown = _answer_apps(device, [app | {"BundleSize": 10**9} for app in apps])
    # One more: the apps of the short list are gone.
    assert (len(long), InstalledApplication.objects.count()) == (len(short) + 1, 2000)
    assert len(grown) <= len(short)
    assert set(InstalledApplication.objects.values_list("bundle_size", flat=True)) == {10**9}


def test_new_apps_are_made_before_anything_is_locked_when_a_list_comes(device: MdmDevice) -> None:
    device.answer_everything(make_answers())
    statements = _answer_apps(device, [make_app("new")])
    places = [
        next(at for at, sql in enumerate(statements) if value in sql)
        for value in ('"public_id":', '"short_version":', "'acknowledged'", '"bundle_size":')
    ]
    assert places == sorted(places), (
        "the title, its version, the command's result, the device's app"
    )


def test_an_apps_words_are_stored_as_they_came_when_they_are_odd(device: MdmDevice) -> None:
    odd = "\u05e9<b>\"'\\ \U0001f600 %s {told} $1 \t\u0301"
    app = {"Identifier": odd, "Name": odd, "ShortVersion": odd, "Version": odd}
    device.answer_everything(make_answers(apps=[app, make_app("plain", DynamicSize=2**63 - 1)]))
    version = SoftwareVersion.objects.select_related("title").get(name=odd)
    assert (version.version, version.short_version, version.title.identifier) == (odd, odd, odd)
    sizes = InstalledApplication.objects.values_list("bundle_size", "dynamic_size")
    assert set(sizes) == {(None, None), (None, 2**63 - 1)}


def test_a_list_is_not_kept_when_it_is_not_the_one_that_is_wanted(device: MdmDevice) -> None:
    device.answer_everything(make_answers(supervised=False, apps=[make_app("managed")]))
    for body in (
        {"RequestType": "InstalledApplicationList"},  # everything, from a person's device
        {"RequestType": "InstalledApplicationList", "ManagedAppsOnly": True, "Identifiers": ["x"]},
    ):
        enqueue(device.enrollment, command=body)
        device.answer_everything(make_answers(apps=[make_app("private")]))
    assert list_apps(device) == {"com.example.managed": "1.0"}
    assert list(SoftwareTitle.objects.values_list("name", flat=True)) == ["managed"]


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


def test_facts_do_not_pile_up_when_a_device_invents_them(device: MdmDevice) -> None:
    for turn in range(2):
        facts = {f"Fact{turn}-{number}": "x" for number in range(MOST_FACTS)}
        enqueue(device.enrollment, command={"RequestType": "DeviceInformation"})
        device.answer_everything({"DeviceInformation": {"QueryResponses": facts}})
    assert device.row.information == facts
