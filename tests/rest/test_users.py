"""Users of Macs by program: listed with their device, and commands for them alone."""

from typing import Any

import pytest
from django.utils import timezone

from devices.models import StatusReport, UserChannel
from organization.models import AuditEntry
from tests.rest.conftest import Program, Sample

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_sample")]


@pytest.fixture
def user(sample: Sample, settings: Any) -> UserChannel:
    settings.MDM_USER_CHANNEL = True
    return UserChannel.objects.create(
        enrollment=sample.enrollment,
        user_id="8B0A6B1E-0000-4000-8000-000000000001",
        short_name="anna",
        long_name="Anna Example",
        push_token=b"users token",
        push_magic=b"users magic",
    )


def test_users_and_their_reports_are_told_with_the_device(
    auditor: Program, sample: Sample, user: UserChannel
) -> None:
    for channel in (user, None):
        StatusReport.objects.create(
            enrollment=sample.enrollment,
            user_channel=channel,
            items={"device": {"model": {"family": "Mac"}}},
            reported_at=timezone.now(),
        )
    answer = auditor.get(f"devices/{sample.device.public_id}")
    row = answer.json()
    [told] = row["users"]
    assert (told["id"], told["short_name"]) == (user.public_id, "anna")
    assert [report["user"] for report in row["status_reports"]] == [None, user.public_id]
    assert row["status_reports"][0]["items"] == {"device": {"model": {"family": "Mac"}}}
    assert row["is_user_enrollment"] is False
    assert b"push_token" not in answer.content
    assert b"users" not in auditor.get("devices").content


def test_a_command_goes_to_the_user_that_is_named(
    operator: Program, sample: Sample, user: UserChannel
) -> None:
    path = f"devices/{sample.device.public_id}/commands"
    body = {"request_type": "SecurityInfo", "user": user.public_id}
    answer = operator.post(path, body)
    assert answer.status_code == 201, answer.content
    row = answer.json()
    assert row["user"] == user.public_id
    assert operator.post(path, body).json()["id"] == row["id"]
    devices = operator.post(path, {"request_type": "SecurityInfo"}).json()
    assert (devices["user"], devices["id"] != row["id"]) == (None, True)
    assert [each["id"] for each in operator.list(f"commands?user={user.public_id}")] == [row["id"]]
    entry = AuditEntry.objects.filter(action="command.SecurityInfo").earliest("id")
    assert entry.detail["user"] == user.public_id


def test_a_command_is_refused_that_no_user_can_get(
    administrator: Program, sample: Sample, user: UserChannel, settings: Any
) -> None:
    path = f"devices/{sample.device.public_id}/commands"
    bodies = [
        {"request_type": "EraseDevice", "user": user.public_id},
        {"request_type": "SecurityInfo", "user": "usr_unknown"},
    ]
    for body in bodies:
        answer = administrator.post(path, body)
        assert (answer.status_code, answer.json()["code"]) == (400, "command_invalid")
    right = {"request_type": "SecurityInfo", "user": user.public_id}
    settings.MDM_USER_CHANNEL = False
    assert administrator.post(path, right).status_code == 400
    settings.MDM_USER_CHANNEL = True
    UserChannel.objects.update(ended_at=timezone.now())
    assert administrator.post(path, right).status_code == 400
    assert not user.commands.exists()
