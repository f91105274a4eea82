"""Every command by program: documented one by one, refused with a reason, raw, and secrets."""

import base64
import plistlib

import jsonschema  # type: ignore[import-untyped]
import pytest
from django.utils import timezone

from devices.models import Command, Device
from devices.protocol.commands import COMMAND_TYPES
from devices.selectors import get_command_body
from devices.services.bulk_commands import queue_portion, request_bulk
from organization.models import AuditEntry
from tests.rest.conftest import Program, Sample
from tests.rest.documented import get_document

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_sample")]


def get_path(sample: Sample) -> str:
    return f"devices/{sample.device.public_id}/commands"


def get_alternatives() -> dict[str, dict[str, object]]:
    """Return the component of each command, by the `request_type` that tells them apart."""
    document = get_document()
    operation = document["paths"]["/api/v1/devices/{id}/commands"]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    assert schema["discriminator"]["propertyName"] == "request_type"
    refs = schema["discriminator"]["mapping"]
    assert schema["oneOf"] == [{"$ref": ref} for ref in refs.values()]
    components = document["components"]["schemas"]
    return {name: components[ref.rpartition("/")[2]] for name, ref in refs.items()}


def get_component(name: str) -> dict[str, object]:
    found: dict[str, object] = get_document()["components"]["schemas"][name]
    return found


def test_every_command_is_documented_when_the_table_has_it() -> None:
    alternatives = get_alternatives()
    assert set(alternatives) == set(COMMAND_TYPES)
    assert alternatives["DeviceLock"] == get_component("DeviceLockCommandRequest")
    assert "unlock_token" not in str(alternatives["ClearPasscode"])
    check = jsonschema.Draft202012Validator(alternatives["Settings.DeviceName"])
    body = {"request_type": "Settings.DeviceName", "parameters": {"device_name": "Front desk"}}
    assert check.is_valid(body)
    assert not check.is_valid(body | {"parameters": {}})
    assert not check.is_valid(body | {"parameters": {"device_name": "x", "colour": "red"}})


def test_a_setting_is_queued_as_documented(operator: Program, sample: Sample) -> None:
    body = {"request_type": "Settings.DataRoaming", "parameters": {"enabled": False}}
    answer = operator.post(get_path(sample), body)
    assert answer.status_code == 201, answer.content
    command = Command.objects.get(public_id=answer.json()["id"])
    assert get_command_body(command) == {
        "RequestType": "Settings",
        "Settings": [{"Item": "DataRoaming", "Enabled": False}],
    }


def test_a_command_is_refused_with_the_reason_when_the_device_cannot_obey(
    operator: Program, sample: Sample
) -> None:
    Device.objects.filter(pk=sample.device.pk).update(
        os_version="16.4", information={"IsSupervised": False}
    )
    answer = operator.post(get_path(sample), {"request_type": "ShutDownDevice"})
    assert (answer.status_code, answer.json()["code"]) == (409, "command_not_obeyable")
    assert "supervised" in answer.json()["detail"]


def test_the_parameter_is_named_when_it_is_wrong(operator: Program, sample: Sample) -> None:
    body = {"request_type": "RequestMirroring", "parameters": {"scan_time": 5}}
    problem = operator.post(get_path(sample), body).json()
    assert problem["code"] == "command_invalid"
    assert set(problem["errors"]) == {"parameters.scan_time"}


def test_a_raw_command_goes_out_as_it_is(administrator: Program, sample: Sample) -> None:
    content = plistlib.dumps({"RequestType": "FutureCommand", "Key": 5})
    body = {"command": base64.b64encode(content).decode()}
    answer = administrator.post(f"{get_path(sample)}/raw", body)
    assert answer.status_code == 201, answer.content
    assert answer.json()["request_type"] == "FutureCommand"
    command = Command.objects.get(public_id=answer.json()["id"])
    assert get_command_body(command) == {"RequestType": "FutureCommand", "Key": 5}


@pytest.mark.parametrize(
    ("command", "code"), [("###", "invalid"), ("", "invalid"), ("AAAA", "command_invalid")]
)
def test_a_raw_command_is_refused_when_it_is_none(
    command: str, code: str, administrator: Program, sample: Sample
) -> None:
    answer = administrator.post(f"{get_path(sample)}/raw", {"command": command})
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_a_secret_is_revealed_and_noted_but_never_listed(
    administrator: Program, sample: Sample
) -> None:
    path = f"devices/{sample.device.public_id}/secrets"
    assert "AAAA-BBBB-CCCC" not in str(administrator.list(path))
    answer = administrator.post(f"{path}/{sample.secret.public_id}/reveal")
    assert answer.json() == {"value": "AAAA-BBBB-CCCC"}
    assert AuditEntry.objects.filter(action="secret.reveal").count() == 1


def test_a_secret_is_not_found_at_another_device(administrator: Program, sample: Sample) -> None:
    other = Device.objects.create(udid="OTHER")
    path = f"devices/{other.public_id}/secrets/{sample.secret.public_id}/reveal"
    assert administrator.post(path).status_code == 404


def test_a_group_is_asked_at_once(operator: Program, sample: Sample) -> None:
    body = {"request_type": "CertificateList", "group": sample.group.public_id}
    answer = operator.post("bulk-commands", body)
    assert answer.status_code == 202, answer.content
    assert answer.json()["total"] == 1
    chosen = {"request_type": "CertificateList", "devices": [sample.device.public_id]}
    assert operator.post("bulk-commands", chosen).json()["total"] == 1


def test_what_has_become_of_a_command_for_many_is_told(
    auditor: Program, operator: Program, sample: Sample
) -> None:
    gone = Device.objects.create(udid="gone")
    bulk = request_bulk(
        [sample.device.pk, gone.pk], name="CertificateList", parameters={}, actor="tests"
    )
    queue_portion(bulk.pk, now=timezone.now())
    told = auditor.get(f"bulk-commands/{bulk.public_id}").json()
    assert told["states"] == {"queued": 1}
    assert told["refused_devices"] == [{"device": gone.public_id, "reason": "not enrolled"}]
    [command] = auditor.get(f"commands?bulk={bulk.public_id}").json()["results"]
    assert command["device"] == sample.device.public_id
    assert auditor.get("commands?bulk=blk_none").json()["results"] == []
    cancel = f"bulk-commands/{bulk.public_id}/cancel"
    assert auditor.post(cancel).status_code == 403
    assert operator.post(cancel).json()["states"] == {"cancelled": 1}
    over = operator.post(cancel)
    assert (over.status_code, over.json()["code"]) == (409, "command_over")


def test_a_command_for_many_is_refused_when_it_is_not_for_many(
    administrator: Program, operator: Program, sample: Sample
) -> None:
    group = {"group": sample.group.public_id}
    erase = administrator.post("bulk-commands", group | {"request_type": "EraseDevice"})
    assert erase.status_code == 400
    assert "one at a time" in erase.json()["errors"]["request_type"][0]
    install = operator.post("bulk-commands", group | {"request_type": "SetRecoveryLock"})
    assert install.status_code == 403
    for body in (
        {"request_type": "ProfileList"},
        group | {"request_type": "Nothing"},
        group | {"request_type": "ProfileList", "devices": [sample.device.public_id]},
    ):
        assert operator.post("bulk-commands", body).status_code == 400


def test_the_parameter_is_named_when_its_value_is_refused(
    administrator: Program, sample: Sample
) -> None:
    junk = base64.b64encode(b"no profile").decode()
    body = {"request_type": "InstallProfile", "parameters": {"payload": junk}}
    answer = administrator.post(get_path(sample), body)
    assert (answer.status_code, answer.json()["code"]) == (400, "command_invalid")
    (words,) = answer.json()["errors"]["parameters.payload"]
    assert "the profile cannot be read" in words
    assert not Command.objects.filter(request_type="InstallProfile").exists()
