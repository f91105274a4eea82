"""What is kept of answers: enough for a person, and no more than a database bears."""

import json
import plistlib
from typing import Any

import pytest
from django.utils import timezone

from devices.models import Command
from devices.protocol.json_values import LEFT_OUT, LONGEST_ANSWER, LONGEST_ERRORS
from devices.services.queue import enqueue
from devices.services.retention import KEPT, forget_contents
from tests.devices.conftest import MakeDevice
from tests.devices.mdm_device import CONNECT, MdmDevice

UPDATES = [{"Name": "é" * 400, "ProductKey": f"com.example.{number}"} for number in range(3000)]
PLAIN, TEACHING = "AvailableOSUpdates", "ProfileList"  # their results are stored in two ways


@pytest.fixture
def device(make_device: MakeDevice) -> MdmDevice:
    device = make_device().enroll()
    device.answer_everything()
    return device


def ask(device: MdmDevice, request_type: str, **more: Any) -> str:
    """Queue a command and let the device take it; return its CommandUUID."""
    enqueue(device.enrollment, command={"RequestType": request_type, **more})
    command = device.take()
    assert command is not None
    uuid: str = command["CommandUUID"]
    return uuid


def answer(device: MdmDevice, uuid: str, status: str = "Acknowledged", **more: Any) -> Command:
    message = {"Status": status, "CommandUUID": uuid, **device.names, **more}
    body = plistlib.dumps(message, fmt=plistlib.FMT_BINARY)
    assert device.put(CONNECT, body).status_code == 200
    return Command.objects.get(uuid=uuid)


@pytest.mark.parametrize("request_type", [PLAIN, TEACHING])
def test_first_part_is_kept_and_says_so_when_an_answer_is_large(
    device: MdmDevice, request_type: str
) -> None:
    told: dict[str, Any] = {"Count": len(UPDATES), "Updates": UPDATES, "Text": "x" * LONGEST_ANSWER}
    command = answer(device, ask(device, request_type), **told, ProfileList=[])
    assert command.state == "acknowledged"
    assert len(json.dumps(command.result)) < LONGEST_ANSWER + 1000
    kept = command.result["Updates"]
    assert command.result["Count"] == len(UPDATES)
    assert kept[:50] == UPDATES[:50]
    size = sum(len(json.dumps(value)) for value in told.values())
    note = command.result[LEFT_OUT]
    assert int(note.split()[3]) >= size
    assert str(LONGEST_ANSWER) in note


def test_everything_is_kept_when_an_answer_is_usual(device: MdmDevice) -> None:
    command = answer(device, ask(device, PLAIN), Updates=UPDATES[:50])
    assert command.result == {"Updates": UPDATES[:50]}


def test_everything_is_learned_though_less_is_kept(device: MdmDevice) -> None:
    profiles = [
        {"PayloadIdentifier": f"com.example.{number}", "PayloadDescription": "x" * 1000}
        for number in range(900)
    ]
    command = answer(device, ask(device, TEACHING), ProfileList=profiles)
    assert len(command.result["ProfileList"]) < len(profiles)
    assert len(device.enrollment.reported_profiles) == len(profiles)


@pytest.mark.parametrize("request_type", [PLAIN, TEACHING])
@pytest.mark.parametrize("status", ["Error", "CommandFormatError"])
def test_first_errors_are_kept_when_there_are_thousands(
    device: MdmDevice, request_type: str, status: str
) -> None:
    chain = [
        {"ErrorCode": number, "ErrorDomain": "MCD", "USEnglishDescription": f"No. {number}."}
        for number in range(5000)
    ]
    command = answer(device, ask(device, request_type), status, ErrorChain=chain)
    assert command.error_chain[:20] == chain[:20]
    [note] = command.error_chain[20:]
    assert "5000 errors" in note["USEnglishDescription"]


def test_error_is_cut_when_its_words_are_endless(device: MdmDevice) -> None:
    chain = [{"LocalizedDescription": "\n" * 1_000_000, "USEnglishDescription": "Refused."}]
    command = answer(device, ask(device, PLAIN), "Error", ErrorChain=chain)
    assert len(json.dumps(command.error_chain)) < LONGEST_ERRORS + 500
    assert "left out" in command.error_chain[-1]["USEnglishDescription"]


def test_apps_that_were_asked_for_are_kept_when_an_old_mac_lists_them_all(
    device: MdmDevice,
) -> None:
    """Identifiers is macOS 10.15's; before, it is not heard."""
    apps = [{"Identifier": f"com.example.{n}", "Name": "n", "Version": "1"} for n in range(4000)]
    wanted = ["com.example.3999", "com.example.17"]
    uuid = ask(device, "InstalledApplicationList", Identifiers=wanted)
    command = answer(device, uuid, InstalledApplicationList=apps)
    assert command.result == {"InstalledApplicationList": [apps[17], apps[3999]]}


def test_a_setting_that_is_refused_inside_an_acknowledged_answer_is_an_error(
    device: MdmDevice,
) -> None:
    """Devices acknowledge Settings as a whole."""
    uuid = ask(device, "Settings", Settings=[{"Item": "DataRoaming", "Enabled": True}])
    chain = [{"ErrorDomain": "X", "ErrorCode": 7, "LocalizedDescription": "Kein Tarif."}]
    command = answer(device, uuid, Settings=[{"Status": "Error", "ErrorChain": chain}])
    assert (command.state, command.error_chain) == ("error", chain)
    assert command.result["Settings"][0]["Status"] == "Error"


@pytest.mark.parametrize(
    ("request_type", "told"),
    [
        ("ProfileList", {"ProfileList": []}),
        ("InstalledApplicationList", {"InstalledApplicationList": [{"Name": "Notes"}]}),
        ("CertificateList", {"CertificateList": []}),
        ("ManagedApplicationList", {"ManagedApplicationList": {}}),
        ("RemoveProfile", {}),
    ],
)
def test_late_answer_is_taken_when_its_command_was_forgotten(
    device: MdmDevice, request_type: str, told: dict[str, Any]
) -> None:
    """It was refused as malformed each time, and the device came to no other command."""
    uuid = ask(device, request_type, Identifier="com.example.one")
    device.enrollment.commands.update(state="cancelled", completed_at=timezone.now() - 2 * KEPT)
    forget_contents(now=timezone.now())
    enqueue(device.enrollment, command={"RequestType": "RestartDevice"})

    following = device.take("Acknowledged", uuid, **told)
    assert following is not None
    assert following["Command"]["RequestType"] == "RestartDevice"
    late = Command.objects.get(uuid=uuid)
    assert (late.state, late.result) == ("cancelled", {})
