"""How far back logs and finished commands reach."""

from datetime import timedelta

import pytest
from django.utils import timezone

from devices.models import (
    BulkCommand,
    Command,
    CommandState,
    Device,
    Enrollment,
    EnrollmentState,
    EscrowedSecret,
    Group,
    ManagedApplication,
    SecretKind,
    StatusReport,
)
from devices.services.retention import KEPT
from enrollment.models import EnrollmentSession, LogEntry
from enrollment.services.log import write_entry
from enrollment.services.sessions import open_session
from enrollment.services.tokens import create_token
from guardmdm.celery import app
from guardmdm.history import delete_old_history
from guardmdm.tasks import delete_history
from organization.models import AuditEntry
from organization.services.audit import record

pytestmark = pytest.mark.django_db
TABLES = (Command, BulkCommand, LogEntry, EnrollmentSession, AuditEntry)


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture
def enrollment(bootstrapped, now):
    device = Device.objects.create(udid="U1", platform="macos")
    return Enrollment.objects.create(
        device=device,
        state=EnrollmentState.LIVE,
        certificate_sha256="0" * 64,
        certificate_not_after=now,
        topic="t",
    )


def make_command(enrollment, request_type, *, over_at=None, state=CommandState.ACKNOWLEDGED):
    return Command.objects.create(
        uuid=f"{request_type}-{Command.objects.count()}",
        enrollment=enrollment,
        request_type=request_type,
        body=b"",
        state=state if over_at else CommandState.QUEUED,
        completed_at=over_at,
        forgotten_at=over_at + KEPT if over_at else None,
    )


def make_history(enrollment, *, at):
    """A row of each kind, as if made at that moment; returns the session that brought a device."""
    for device_id in ("", "dev_1"):
        token = create_token(
            name="T",
            group=Group.objects.order_by("pk")[0],
            expires_at=at + timedelta(days=9999),
            max_uses=0,
            scep_profile=None,
            actor="tests",
        )
        session = open_session(token, platform="ios", user_agent="", remote_address=None, now=at)
        EnrollmentSession.objects.filter(pk=session.pk).update(created_at=at, device_id=device_id)
    write_entry("session_opened")
    record("tests", action="device.lock")
    make_command(enrollment, "ProfileList", over_at=at)
    BulkCommand.objects.create(name="RestartDevice", parameters=b"", actor="t", finished_at=at)
    for table in (LogEntry, AuditEntry):
        table.objects.filter(created_at__gt=at).update(created_at=at)


def test_nothing_is_deleted_while_it_is_younger_than_the_setting(enrollment, now, settings):
    make_history(enrollment, at=now - settings.HISTORY_KEPT + timedelta(minutes=1))
    assert delete_old_history(now=now) == 0


def test_what_is_older_goes_and_devices_pins_and_what_waits_stay(enrollment, now, settings):
    old = now - settings.HISTORY_KEPT - timedelta(hours=2)
    make_history(enrollment, at=old)
    lock = make_command(enrollment, "DeviceLock", over_at=old)
    waiting = make_command(enrollment, "InstallProfile")
    Command.objects.filter(pk=waiting.pk).update(created_at=old)
    delete_history()
    assert set(Command.objects.all()) == {lock, waiting}
    assert [each.device_id for each in EnrollmentSession.objects.all()] == ["dev_1"]
    for table in (BulkCommand, LogEntry, AuditEntry):
        assert not table.objects.exists()
    assert Enrollment.objects.exists()


def test_everything_stays_for_ever_when_the_setting_is_none(enrollment, now, settings):
    settings.HISTORY_KEPT = None
    make_history(enrollment, at=now - timedelta(days=5000))
    counts = [table.objects.count() for table in TABLES]
    assert delete_old_history(now=now) == 0
    assert [table.objects.count() for table in TABLES] == counts


def test_where_a_lost_device_was_is_forgotten_and_its_other_secrets_are_not(enrollment, now):
    for kind in (SecretKind.LOCATION, SecretKind.FILEVAULT_KEY):
        EscrowedSecret.objects.create(enrollment=enrollment, kind=kind, value=b"x")
    EscrowedSecret.objects.update(created_at=now - KEPT - timedelta(minutes=1))
    fresh = EscrowedSecret.objects.create(
        enrollment=enrollment, kind=SecretKind.LOCATION, value=b"x"
    )
    delete_old_history(now=now)
    kept = set(EscrowedSecret.objects.values_list("kind", "pk"))
    assert (SecretKind.LOCATION, fresh.pk) in kept
    assert len(kept) == 2


@pytest.mark.parametrize("has_ended", [True, False])
def test_what_was_told_in_an_enrollment_is_forgotten_three_months_after_its_end(
    enrollment, now, has_ended
):
    StatusReport.objects.create(enrollment=enrollment, items={"a": 1}, reported_at=now)
    ManagedApplication.objects.create(
        enrollment=enrollment, identifier="com.example", configuration=b"{}"
    )
    ended = {"ended_at": now - KEPT - timedelta(minutes=1), "state": "checked_out"}
    Enrollment.objects.filter(pk=enrollment.pk).update(
        reported_profiles=[{"PayloadIdentifier": "a"}],
        profiles_reported_at=now,
        reported_applications={"b": {}},
        **(ended if has_ended else {}),
    )
    assert delete_old_history(now=now) == (3 if has_ended else 0)
    enrollment.refresh_from_db()
    assert bool(enrollment.reported_profiles) != has_ended
    assert bool(enrollment.reported_applications) != has_ended
    assert StatusReport.objects.exists() != has_ended
    assert ManagedApplication.objects.exists() != has_ended


def test_no_sweep_is_worth_doing_once_the_next_one_is_long_due():
    """Of a night without a worker they would all stand before the first push."""
    for name, entry in app.conf.beat_schedule.items():
        assert entry["options"]["expires"] == max(entry["schedule"].total_seconds(), 3600), name
