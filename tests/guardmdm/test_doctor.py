"""What the doctor makes of the machinery, and the runs whose findings are kept."""

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from celery.beat import PersistentScheduler
from django.core.management import call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from devices.models import PushCertificate
from guardmdm import examination, tasks
from guardmdm.celery import app
from guardmdm.health import check_authorities
from guardmdm.health.machinery import (
    check_broker,
    check_database,
    check_disk,
    check_mail,
    check_scheduler,
    check_secret_key,
    check_workers,
)
from guardmdm.heartbeat import Scheduler, find_heartbeat, record_heartbeat
from guardmdm.models import Examination, Heart
from guardmdm.readiness import count_waiting_tasks
from scep.models import CertificateAuthority
from scep.selectors import get_issuing_ca
from tests.enrollment.mail_server import PASSWORD, USER, MailServer, make_tls
from tests.services import find_free_port

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def nobody_listens(settings: Any) -> None:
    """The base URL is a port where nothing answers: no check waits for the network."""
    settings.BASE_URL = f"http://127.0.0.1:{find_free_port()}"


def test_scheduler_is_well_only_while_its_heart_beats() -> None:
    assert "never" in check_scheduler().text
    assert check_scheduler().is_failure
    record_heartbeat(Heart.SCHEDULER, now=timezone.now() - 10 * MINUTE)
    finding = check_scheduler()
    assert (finding.is_failure, "10 minutes" in finding.text) == (True, True)
    assert "beat" in finding.fix
    record_heartbeat(Heart.SCHEDULER, now=timezone.now())
    assert not check_scheduler().fix


def test_scheduler_beats_by_itself_with_every_round(tmp_path: Any) -> None:
    scheduler = Scheduler(app, schedule_filename=str(tmp_path / "schedule"))
    assert isinstance(scheduler, PersistentScheduler)
    scheduler._heap = []
    scheduler.schedule.clear()
    waiting = count_waiting_tasks()
    scheduler.tick()
    assert count_waiting_tasks() == waiting + 1, "workers are asked for theirs at the start"
    first = find_heartbeat(Heart.SCHEDULER)
    assert first is not None
    scheduler.tick()
    assert find_heartbeat(Heart.SCHEDULER) == first, "at most twice a minute"
    assert count_waiting_tasks() == waiting + 1


@pytest.mark.parametrize("is_running", [True, False])
def test_scheduler_goes_on_within_a_minute_when_the_clock_was_set_back(
    tmp_path: Any, is_running: bool
) -> None:
    scheduler = Scheduler(app, schedule_filename=str(tmp_path / "schedule"))
    ahead = timezone.now() + timedelta(days=1)
    for entry in scheduler.schedule.values():
        entry.last_run_at = ahead
    if is_running:
        scheduler._ticked_at = scheduler._told_at = ahead
        scheduler.populate_heap()
    assert scheduler.tick() <= 60
    assert find_heartbeat(Heart.SCHEDULER) is not None
    sweep = scheduler.schedule["sweep commands"]
    assert sweep.is_due().next <= 60


def test_worker_that_answers_but_does_nothing_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_workers().text == "none answers"
    monkeypatch.setattr(app.control, "ping", lambda **_: [{"celery@a": {"ok": "pong"}}])
    now = timezone.now()
    record_heartbeat(Heart.SCHEDULER, now=now)
    record_heartbeat(Heart.WORKER, now=now - 20 * MINUTE)
    finding = check_workers()
    assert (finding.is_failure, "20 minutes" in finding.text) == (True, True)
    tasks.beat()
    assert not check_workers().is_failure
    # Without a scheduler nobody asks them to do anything.
    record_heartbeat(Heart.SCHEDULER, now=now - 30 * MINUTE)
    record_heartbeat(Heart.WORKER, now=now - 20 * MINUTE)
    assert not check_workers().is_failure


def test_broker_tells_how_many_tasks_wait() -> None:
    before = int(check_broker().text.split()[1])
    app.send_task("guardmdm.tasks.beat")
    assert int(check_broker().text.split()[1]) == before + 1
    app.control.purge()


def test_a_database_of_a_later_version_is_told_when_an_earlier_one_runs_on_it() -> None:
    recorder = MigrationRecorder(connection)
    recorder.record_applied("devices", "9998_what_comes_next")
    recorder.record_applied("another_app", "9999_of_django")
    finding = check_database()
    assert "later version's (devices.9998_what_comes_next)" in finding.text
    assert (finding.is_failure, "backup" in finding.fix) == (False, True)


def test_database_and_disk_are_described() -> None:
    assert check_database().fix == ""
    assert "QL" in check_database().text
    assert "GB free" in check_disk().text


def test_disk_that_is_full_or_away_is_a_failure(settings: Any, tmp_path: Any) -> None:
    settings.DATA_DIR = tmp_path / "gone"
    finding = check_disk()
    assert (finding.is_failure, "GUARDMDM_DATA_DIR" in finding.fix) == (True, True)


def test_mail_server_is_signed_in_at_and_gets_no_mail(settings: Any, tmp_path: Path) -> None:
    context, authority = make_tls(tmp_path)
    settings.DEFAULT_FROM_EMAIL = "mdm@example.org"
    settings.EMAIL_HOST, settings.EMAIL_CA = "127.0.0.1", str(authority)
    settings.EMAIL_USE_TLS = True
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = USER, PASSWORD
    with MailServer(context) as server:
        settings.EMAIL_PORT = server.port
        assert (check_mail().fix, server.mails) == ("", [])
        settings.EMAIL_HOST_PASSWORD = "wrong"
        finding = check_mail()
        assert (finding.is_failure, "password" in finding.text) == (True, True)
        settings.EMAIL_CA = ""
        assert "GUARDMDM_EMAIL_CA" in check_mail().fix
    assert check_mail().is_failure, "it is away"


def test_ca_whose_chain_is_broken_is_a_failure() -> None:
    issuing = get_issuing_ca()
    assert issuing.parent is not None
    CertificateAuthority.objects.filter(pk=issuing.parent.pk).update(
        certificate=bytes(issuing.certificate)
    )
    finding = check_authorities()
    assert finding.is_failure
    assert "not signed by" in finding.text


def test_secret_key_that_can_be_guessed_is_a_warning(settings: Any) -> None:
    assert check_secret_key().fix == ""
    settings.SECRET_KEY = "changeme"
    finding = check_secret_key()
    assert finding.fix
    assert not finding.is_failure
    assert "changeme" not in finding.text


@pytest.mark.usefixtures("nobody_listens")
def test_command_keeps_its_shape_and_exits_1_on_a_failure() -> None:
    output = StringIO()
    with pytest.raises(SystemExit) as caught:
        call_command("doctor", "--json", stdout=output)
    assert caught.value.code == 1
    findings = json.loads(output.getvalue())
    assert {tuple(each) for each in findings} == {("name", "text", "fix", "is_failure")}
    names = [each["name"] for each in findings]
    assert names[0] == "base URL"
    assert {"scheduler", "workers", "disk", "CA", "push certificate", "packages"} <= set(names)
    assert all(each["fix"] for each in findings if each["is_failure"])


@pytest.mark.usefixtures("nobody_listens")
def test_worker_examines_when_it_is_time() -> None:
    PushCertificate.objects.all().delete()
    tasks.examine()
    latest = examination.find_latest_finished()
    assert latest is not None
    failing = {each.name for each in examination.decode_findings(latest) if each.is_failure}
    assert {"base URL", "push certificate"} <= failing
    tasks.examine()
    assert Examination.objects.count() == 1
    assert not examination.is_due(now=latest.started_at + 9 * MINUTE)
    assert examination.is_due(now=latest.started_at + 11 * MINUTE)
    latest.findings = []
    latest.save()
    assert not examination.is_due(now=latest.started_at + 59 * MINUTE)


def test_one_that_never_ended_is_given_up(django_capture_on_commit_callbacks: Any) -> None:
    now = timezone.now()
    running = examination.start_examination(now=now)
    assert examination.start_examination(now=now + MINUTE) == running
    assert examination.start_examination(now=now + 4 * MINUTE) != running
