"""What devices reported, for programs."""

import pytest
from django.utils import timezone

from devices.models import Device, Enrollment
from tests.devices.inventory import add_certificate, install, make_application
from tests.rest.conftest import Program, Sample, add_device

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_sample")]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"app": "com.example.a"}, {"Device 2"}),
        ({"app": "com.example.a", "app_version": "1.0"}, {"Device 2"}),
        ({"app": "com.example.a", "app_version": "2.0"}, set()),
        ({"app_version": "1.0"}, set()),
        ({"without_app": "com.example.a"}, {"Device 3"}),
        ({"os_version": "18"}, {"Device 2"}),
        ({"os_version_lt": "18.2"}, {"Device 2", "Device 3"}),
        ({"os_version_lt": "nonsense"}, set()),
        ({"missing_filevault": "true"}, {"Device 3"}),
        ({"missing_filevault": "false"}, {"Device 2"}),
        ({"missing_passcode": "true"}, {"Device 2"}),
        ({"supervised": "true"}, {"Device 2"}),
        ({"app": "com.example.a", "missing_filevault": "true"}, set()),
    ],
)
def test_devices_are_found_when_filtered_by_what_they_said(
    parameters: dict[str, str], expected: set[str], auditor: Program
) -> None:
    second = add_device(
        2,
        os_version_number=1800010000,
        filevault_enabled=True,
        passcode_present=False,
        is_supervised=True,
    )
    third = add_device(3, os_version_number=1700000000, filevault_enabled=False)
    install(second, "com.example.a")
    install(third, "com.example.b")
    assert {row["name"] for row in auditor.list("devices", **parameters)} == expected


@pytest.mark.parametrize("parameter", ["app", "without_app", "os_version", "os_version_lt"])
@pytest.mark.parametrize("value", ["\0", "x" * 5000, "'", "%"])
def test_a_filter_is_harmless_when_odd(parameter: str, value: str, auditor: Program) -> None:
    assert auditor.get("devices", **{parameter: value}).status_code in (200, 400)


def test_inventory_tells_facts_with_their_times_when_read(auditor: Program, sample: Sample) -> None:
    now = timezone.now()
    Device.objects.filter(pk=sample.device.pk).update(
        security={"PasscodePresent": True}, security_reported_at=now, passcode_present=True
    )
    answer = auditor.get(f"devices/{sample.device.public_id}/inventory").json()
    assert answer["passcode_present"] is True
    assert answer["security"] == {"PasscodePresent": True}
    assert answer["security_reported_at"] is not None
    assert answer["information_reported_at"] is answer["is_supervised"] is None


def test_apps_come_in_pages_when_they_are_many(auditor: Program, sample: Sample) -> None:
    app = make_application("com.example.a", name="Ledger", version="7", bundle_size=2**33)
    install(sample.device, app, *[f"com.example.app{number}" for number in range(4)])
    install(add_device(2), "com.example.elsewhere")
    path = f"devices/{sample.device.public_id}/apps"
    first = auditor.get(path, page_size=3).json()
    second = auditor.client.get(first["next"], headers=auditor.headers).json()
    rows = first["results"] + second["results"]
    assert len(rows) == 5
    [row] = auditor.list(path, search="ledger com.example.a")
    assert row["identifier"] == "com.example.a"
    assert (row["version"], row["short_version"], row["bundle_size"]) == ("7", "1.0", 2**33)
    assert row["app"].startswith("app_")


def test_certificates_and_profiles_are_listed_when_read(auditor: Program, sample: Sample) -> None:
    add_certificate(sample.device, 7, subject="CN=x", is_identity=True)
    profile = {"PayloadIdentifier": "com.example.wifi", "PayloadContent": [{"PayloadType": "t"}]}
    Enrollment.objects.filter(pk=sample.enrollment.pk).update(
        reported_profiles=[profile], profiles_reported_at=timezone.now()
    )
    path = f"devices/{sample.device.public_id}"
    [certificate] = auditor.list(f"{path}/certificates")
    assert (certificate["subject"], certificate["is_identity"]) == ("CN=x", True)
    profiles = auditor.get(f"{path}/profiles").json()
    assert profiles["reported_at"] is not None
    assert [(row["identifier"], row["payload_types"]) for row in profiles["results"]] == [
        ("com.example.wifi", ["t"])
    ]


def test_a_group_says_whose_apps_are_listed_when_patched(operator: Program, sample: Sample) -> None:
    path = f"groups/{sample.group.public_id}"
    assert operator.get(path).json()["lists_all_apps"] is False
    assert operator.patch(path, {"lists_all_apps": True}).json()["lists_all_apps"] is True
    assert operator.patch(path, {"description": "x"}).json()["lists_all_apps"] is True
