"""Devices and their commands by program."""

from datetime import timedelta

import pytest
from django.utils import timezone

from devices.models import CommandState, DeviceStatus, Enrollment, Group, PushCertificate
from devices.selectors import get_push_certificate
from devices.services.push.stops import refuse_certificate
from organization.models import AuditEntry
from tests.rest.conftest import Program, Sample, add_device

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_sample")]


def test_device_changes_group_owner_and_name_when_patched(
    operator: Program, sample: Sample
) -> None:
    group = Group.objects.create(name="Field")
    body = {"group": group.public_id, "owner": "anna@example.com", "name": "Anna's iPhone"}
    row = operator.patch(f"devices/{sample.device.public_id}", body).json()
    assert {name: row[name] for name in body} == body
    sample.device.refresh_from_db()
    assert sample.device.group == group
    actions = set(AuditEntry.objects.filter(subject_id=row["id"]).values_list("action", flat=True))
    assert actions == {"device.group", "device.owner", "device.rename"}


def test_device_stays_as_unenrolled_when_deleted(administrator: Program, sample: Sample) -> None:
    path = f"devices/{sample.device.public_id}"
    assert administrator.delete(path).status_code == 204
    assert administrator.get(path).json()["status"] == "unenrolled"


def test_record_is_deleted_when_the_device_is_not_enrolled(
    administrator: Program, sample: Sample
) -> None:
    path = f"devices/{sample.device.public_id}"
    refused = administrator.post(f"{path}/delete-record")
    assert (refused.status_code, refused.json()["code"]) == (409, "still_enrolled")
    assert "Unenroll it first" in refused.json()["detail"]
    administrator.delete(path)
    assert administrator.post(f"{path}/delete-record").status_code == 204
    assert administrator.get(path).status_code == 404
    assert administrator.post(f"{path}/delete-record").status_code == 404
    (entry,) = administrator.list(f"enrollment/log?code=device_deleted&device={path[8:]}")
    assert sample.device.udid in entry["message"]


def test_device_answers_conflict_when_it_is_not_enrolled(administrator: Program) -> None:
    device = add_device(7, status=DeviceStatus.UNENROLLED)
    path = f"devices/{device.public_id}"
    command = {"request_type": "ProfileList"}
    for answer in (
        administrator.delete(path),
        administrator.post(f"{path}/push"),
        administrator.post(f"{path}/commands", command),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "not_enrolled")


def test_command_waits_for_the_device_when_posted(operator: Program, sample: Sample) -> None:
    path = f"devices/{sample.device.public_id}/commands"
    body = {"request_type": "DeviceLock", "parameters": {"message": "Please return me"}}
    answer = operator.post(path, body)
    assert answer.status_code == 201, answer.content
    row = answer.json()
    assert (row["state"], row["device"]) == ("queued", sample.device.public_id)
    assert row["origin"] == "key:operator program"
    assert row["id"] in [command["id"] for command in operator.list(path)]
    assert operator.get(f"commands/{row['id']}").json()["request_type"] == "DeviceLock"
    assert b"Please return me" not in operator.get(path).content


def test_erase_is_queued_when_administrator_asks(administrator: Program, sample: Sample) -> None:
    path = f"devices/{sample.device.public_id}/commands"
    answer = administrator.post(path, {"request_type": "EraseDevice"})
    assert answer.status_code == 201, answer.content
    assert sample.enrollment.commands.filter(
        request_type="EraseDevice", state=CommandState.QUEUED
    ).exists()


def test_command_is_refused_when_unknown_or_wrongly_told(operator: Program, sample: Sample) -> None:
    path = f"devices/{sample.device.public_id}/commands"
    unknown = operator.post(path, {"request_type": "Explode"})
    assert (unknown.status_code, unknown.json()["code"]) == (400, "invalid")
    for parameters in ({"colour": "red"}, {"message": 5}, {"pin": "123456", "message": None}):
        body = {"request_type": "DeviceLock", "parameters": parameters}
        answer = operator.post(path, body)
        assert (answer.status_code, answer.json()["code"]) == (400, "command_invalid")
    apple = operator.post(path, {"request_type": "DeviceLock", "parameters": {"PIN": "123456"}})
    assert "it takes message, phone_number, pin" in apple.json()["detail"]
    assert sample.enrollment.commands.count() == 1


def test_push_is_asked_for_when_posted(operator: Program, sample: Sample) -> None:
    path = f"devices/{sample.device.public_id}/push"
    PushCertificate.objects.all().delete()
    answer = operator.post(path)
    assert answer.status_code == 202
    assert answer.json() == {"obstacle": "No APNs push certificate has been imported."}
    sample.enrollment.refresh_from_db()
    assert sample.enrollment.push_requested_at is not None
    PushCertificate.objects.create(
        topic=sample.enrollment.topic,
        certificate=b"x",
        private_key=b"x",
        not_after=timezone.now() + timedelta(days=90),
        is_active=True,
    )
    assert operator.post(path).json() == {"obstacle": ""}
    sample.device.enrollments.update(state="removed")
    gone = operator.post(path)
    assert (gone.status_code, gone.json()["code"]) == (409, "not_enrolled")


def test_answers_hold_no_push_secret_when_read(auditor: Program, sample: Sample) -> None:
    content = auditor.get(f"devices/{sample.device.public_id}").content
    for name in (b"push_token", b"push_magic", b"unlock_token", b"body"):
        assert name not in content


def test_enrollments_are_told_the_newest_first(auditor: Program, sample: Sample) -> None:
    old = sample.enrollment
    Enrollment.objects.filter(pk=old.pk).update(state="superseded", ended_at=timezone.now())
    new = Enrollment.objects.create(
        device=sample.device,
        state="live",
        session_id="ses_new",
        certificate_sha256="ef" * 32,
        certificate_not_after=timezone.now(),
        topic="com.apple.mgmt.x",
    )
    told = auditor.get(f"devices/{sample.device.public_id}").json()["enrollments"]
    assert [(each["id"], each["state"]) for each in told] == [
        (new.public_id, "live"),
        (old.public_id, "superseded"),
    ]
    assert (told[0]["session"], told[0]["ended_at"]) == ("ses_new", None)
    assert told[1]["ended_at"] is not None


def test_push_certificate_is_missing_when_none_is_imported(auditor: Program) -> None:
    from devices.models import PushCertificate

    assert auditor.get("push-certificate").json()["state"] == "valid"
    PushCertificate.objects.update(not_after="2020-01-01T00:00:00Z")
    assert auditor.get("push-certificate").json()["state"] == "expired"
    PushCertificate.objects.all().delete()
    told = auditor.get("push-certificate").json()
    assert (told["state"], told["topic"], told["not_after"]) == ("missing", None, None)


def test_the_push_certificates_refusal_is_told_when_apns_has_refused_it(auditor: Program) -> None:
    assert auditor.get("push-certificate").json()["refusal"] == ""
    refuse_certificate(get_push_certificate(), reason="BadCertificate", now=timezone.now())
    assert auditor.get("push-certificate").json()["refusal"] == "BadCertificate"


def test_what_is_noted_of_the_push_certificate_stays_when_a_change_does_not_name_it(
    administrator: Program,
) -> None:
    noted = {"apple_account": "mdm@example.com", "note": "renewed by Ada"}
    assert administrator.patch("push-certificate", noted).status_code == 200
    administrator.patch("push-certificate", {"apple_account": "it@example.com"})
    assert administrator.get("push-certificate").json()["note"] == "renewed by Ada"
    administrator.patch("push-certificate", {"note": ""})
    told = administrator.get("push-certificate").json()
    assert (told["apple_account"], told["note"]) == ("it@example.com", "")


def test_a_warning_is_dismissed_when_it_is_the_one_that_was_read(
    operator: Program, sample: Sample
) -> None:
    path = f"devices/{sample.device.public_id}"
    sample.device.warning = "Another device has its serial number: UDID 1."
    sample.device.save()
    for warning in ("", "Another one."):
        refused = operator.post(f"{path}/dismiss-warning", {"warning": warning})
        assert refused.status_code == (409 if warning else 400)
    assert refused.json()["code"] == "warning_gone"
    read = operator.get(path).json()["warning"]
    answer = operator.post(f"{path}/dismiss-warning", {"warning": read})
    assert (answer.status_code, answer.json()["warning"]) == (200, "")
    assert operator.get(path).json()["warning"] == ""
    (entry,) = AuditEntry.objects.filter(action="device.dismiss_warning")
    assert entry.detail == {"warning": read}
    again = operator.post(f"{path}/dismiss-warning", {"warning": read})
    assert (again.status_code, again.json()["code"]) == (409, "warning_gone")
