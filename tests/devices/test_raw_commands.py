"""Commands of an administrator's own: as they are, bounded, noted."""

import plistlib
from datetime import datetime
from typing import Any

import pytest

from devices.errors import CommandInvalid, NotEnrolled
from devices.models import Command
from devices.services.raw_commands import MAX_RAW_COMMAND, queue_raw_command
from organization.models import AuditEntry
from tests.devices.mdm_device import MdmDevice

ACTOR = "ada@example.com"


@pytest.mark.parametrize("form", [plistlib.FMT_XML, plistlib.FMT_BINARY])
@pytest.mark.parametrize("is_wrapped", [True, False])
def test_it_goes_out_as_it_is_when_nobody_here_knows_it(
    phone: MdmDevice, is_wrapped: bool, form: plistlib.PlistFormat
) -> None:
    command = {"RequestType": "FutureCommand", "Deep": {"Data": b"\0\1", "On": True}}
    content = plistlib.dumps({"Command": command} if is_wrapped else command, fmt=form)
    row = queue_raw_command(phone.row, content=content, actor=ACTOR)
    taken = phone.take()
    assert taken is not None
    assert taken["Command"] == command
    assert AuditEntry.objects.get(action="command.raw").detail == {
        "command": row.public_id,
        "request_type": "FutureCommand",
    }


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a property list",
        plistlib.dumps({"Queries": []}),
        plistlib.dumps({"RequestType": ""}),
        plistlib.dumps({"RequestType": 5}),
        plistlib.dumps({"RequestType": "A" * 65}),
        plistlib.dumps({"Command": "DeviceLock"}),
        plistlib.dumps({"RequestType": "A", "Data": bytes(MAX_RAW_COMMAND)}),
    ],
)
def test_nothing_is_queued_when_it_is_no_command(phone: MdmDevice, content: bytes) -> None:
    before = Command.objects.count()
    with pytest.raises(CommandInvalid):
        queue_raw_command(phone.row, content=content, actor=ACTOR)
    assert Command.objects.count() == before


def test_a_removal_that_names_no_profile_ends_nothing_when_the_profile_is_not_known(
    phone: MdmDevice,
) -> None:
    content = plistlib.dumps({"RequestType": "RemoveProfile", "Identifier": ""})
    queue_raw_command(phone.row, content=content, actor=ACTOR)
    phone.answer_everything()
    assert phone.enrollment.state == "live"


def test_a_raw_lock_outranks_what_waits(phone: MdmDevice) -> None:
    for request_type in ("ProfileList", "DeviceLock"):
        content = plistlib.dumps({"RequestType": request_type})
        queue_raw_command(phone.row, content=content, actor=ACTOR)
    taken = phone.take()
    assert taken is not None
    assert taken["Command"]["RequestType"] == "DeviceLock"


def test_nothing_is_queued_for_a_device_that_has_left(phone: MdmDevice) -> None:
    phone.check_out()
    with pytest.raises(NotEnrolled):
        queue_raw_command(phone.row, content=plistlib.dumps({"RequestType": "A"}), actor=ACTOR)


@pytest.mark.parametrize("returning", [True, "x", ["x"]])
def test_an_odd_erase_blocks_nothing_when_it_is_handed_out(
    phone: MdmDevice, returning: object
) -> None:
    command = {"RequestType": "EraseDevice", "ReturnToService": returning}
    queue_raw_command(phone.row, content=plistlib.dumps(command), actor=ACTOR)
    taken = phone.take()
    assert taken is not None
    assert taken["Command"] == command


@pytest.mark.parametrize("identifiers", [5, True, "com.example.b", [{"a": 1}, "com.example.b"]])
def test_the_answer_counts_when_the_question_was_odd(phone: MdmDevice, identifiers: object) -> None:
    for body in ({}, {"Identifiers": identifiers}):
        command = {"RequestType": "ManagedApplicationList", **body}
        row = queue_raw_command(phone.row, content=plistlib.dumps(command), actor=ACTOR)
        listed: dict[str, Any] = {"com.example.b" if body else "com.example.a": {}}
        seen = phone.answer_everything(
            {"ManagedApplicationList": {"ManagedApplicationList": listed}}
        )
        assert seen == ["ManagedApplicationList"]
    row.refresh_from_db()
    assert row.state == "acknowledged"
    assert "com.example.b" in phone.enrollment.reported_applications


@pytest.mark.parametrize("value", ["a\r\nb", "a\rb", datetime(2026, 1, 2, 3, 4, 5, 600000)])
def test_it_is_not_taken_for_another_when_xml_words_it_otherwise(
    phone: MdmDevice, value: Any
) -> None:
    """It was refused: something else waited, that could not be found."""
    for request_type in ("Settings", "DeviceLock"):
        command = {"RequestType": request_type, "Message": value}
        content = plistlib.dumps(command, fmt=plistlib.FMT_BINARY)
        first = queue_raw_command(phone.row, content=content, actor=ACTOR)
        again = queue_raw_command(phone.row, content=content, actor=ACTOR)
        assert (again == first) == (request_type == "DeviceLock")


def test_one_that_another_would_take_the_place_of_is_refused(phone: MdmDevice) -> None:
    """The one that waits was sent instead, and this one was said to be on its way."""
    lost = {"RequestType": "DeviceLock", "Message": "Lost"}
    first = queue_raw_command(phone.row, content=plistlib.dumps(lost), actor=ACTOR)
    assert queue_raw_command(phone.row, content=plistlib.dumps(lost), actor=ACTOR) == first
    found = plistlib.dumps(lost | {"Message": "Found"})
    with pytest.raises(CommandInvalid, match="says something else waits already"):
        queue_raw_command(phone.row, content=found, actor=ACTOR)
    assert AuditEntry.objects.filter(action="command.raw").count() == 2
