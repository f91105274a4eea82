"""A device's page: its users, what it last reported, and what it calls itself."""

import pytest
from django.test import Client
from django.utils import timezone

from devices.models import Command, Device, Enrollment, StatusReport, UserChannel
from tests.console.conftest import World

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_world")]


def read(client: Client, device: Device) -> str:
    return client.get(f"/console/devices/{device.public_id}").content.decode()


def add_user(enrollment: Enrollment, *, number: int = 1, **facts: object) -> UserChannel:
    values = {"long_name": f"User <{number}>", "short_name": f"user{number}"} | facts
    return UserChannel.objects.create(enrollment=enrollment, user_id=f"U{number}", **values)


def test_users_are_listed_and_their_commands_named(world: World, auditor: Client) -> None:
    assert "<h2>Users</h2>" not in read(auditor, world.device)
    user = add_user(world.enrollment)
    add_user(world.enrollment, number=2, ended_at=timezone.now())
    Command.objects.filter(pk=world.command.pk).update(user_channel=user)
    page = read(auditor, world.device)
    assert page.count("User &lt;1&gt;") == 2
    assert "user1" in page
    assert "user2" not in page


def test_the_last_status_report_is_shown_and_escaped(world: World, auditor: Client) -> None:
    assert "Last status report" not in read(auditor, world.device)
    items = {
        "device": {"model": {"family": "<b>Mac</b>"}, "power": True},
        "management": {"declarations": {"assets": [{"identifier": "x"}, {"identifier": "y"}]}},
        "names": ["a", "b"],
        **{f"zone{number:02}": "x" * 500 for number in range(100)},
    }
    StatusReport.objects.create(
        enrollment=world.enrollment, items=items, errors=[{}], reported_at=timezone.now()
    )
    page = read(auditor, world.device)
    assert "Last status report" in page
    assert "device.model.family" in page
    assert "&lt;b&gt;Mac&lt;/b&gt;" in page
    assert "management.declarations.assets" in page
    assert "2 entries" in page
    assert "a, b" in page
    assert "zone40" in page
    assert "zone90" not in page
    assert "x" * 300 not in page


def test_a_status_report_says_what_the_device_could_not_tell(world: World, auditor: Client) -> None:
    reasons = [{"Code": "Error.Unknown", "Description": "<no> such item", "Details": {}}, 5]
    errors = [{"StatusItem": "foo.bar", "Reasons": reasons}, 7, {"Reasons": "odd"}] + [{}] * 297
    StatusReport.objects.create(
        enrollment=world.enrollment, items={}, errors=errors, reported_at=timezone.now()
    )
    page = read(auditor, world.device)
    assert "foo.bar: Error.Unknown, &lt;no&gt; such item" in page
    assert ">300<" in page
    assert page.count("<div>?: ?</div>") == 8


def test_a_user_enrollment_is_told_by_its_enrollment_id(world: World, auditor: Client) -> None:
    assert "EnrollmentID" not in read(auditor, world.device)
    Device.objects.filter(pk=world.device.pk).update(is_user_enrollment=True)
    assert "EnrollmentID" in read(auditor, world.device)


def test_a_device_that_waits_for_its_configuration_says_so(world: World, auditor: Client) -> None:
    for value, shown in ((None, False), (False, False), (True, True)):
        Enrollment.objects.filter(pk=world.enrollment.pk).update(awaiting_configuration=value)
        assert ("Waits for its configuration" in read(auditor, world.device)) is shown
