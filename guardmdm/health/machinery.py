"""What the server runs on: clock, database, broker, workers, mail server, secret key, disk."""

import shutil
from contextlib import suppress
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from smtplib import SMTPAuthenticationError, SMTPException
from urllib.error import URLError
from urllib.request import Request, urlopen

from django.conf import settings
from django.db import connection
from django.db.utils import DatabaseError
from django.utils import timezone
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from guardmdm.celery import app
from guardmdm.database_fitness import find_misfit
from guardmdm.health.findings import Finding, build_failure
from guardmdm.heartbeat import STALE_AFTER, find_heartbeat
from guardmdm.mail_backend import SmtpBackend
from guardmdm.models import Heart
from guardmdm.readiness import (
    BrokerRefuses,
    count_missing_migrations,
    count_waiting_tasks,
    list_later_migrations,
    reach_cache,
)

CLOCK_TOLERANCE = timedelta(minutes=2)
CLOCK_URL = "https://www.apple.com/"
WORKER_SECONDS = 3.0
MAIL_SECONDS = 5
MANY_TASKS = 1000
LEAST_SECRET = 32  # characters; what is made at the first start has more
LITTLE_SPACE, NO_SPACE = 2 * 1024**3, 200 * 1024**2
NO_WORKER = "Start `celery -A guardmdm worker` or serve."


def check_clock() -> Finding:
    """Against the Date header of a server that every device must reach anyway."""
    name = "clock"
    with suppress(URLError, OSError, ValueError, TypeError):
        with urlopen(Request(CLOCK_URL, method="HEAD"), timeout=5) as answer:
            told = parsedate_to_datetime(answer.headers["Date"])
        offset = abs(timezone.now() - told)
        if offset > CLOCK_TOLERANCE:
            return build_failure(name, f"off by {offset.total_seconds():.0f} s", "Switch on NTP.")
        return Finding(name, f"within {CLOCK_TOLERANCE.seconds // 60} minutes of Apple's")
    return Finding(name, "not compared: Apple's servers are out of reach", "Allow HTTPS to Apple.")


def check_database() -> Finding:
    name = f"database ({connection.vendor})"
    try:
        missing, later = count_missing_migrations(), list_later_migrations()
        version, mode = _describe_database()
        misfit = find_misfit()
    except DatabaseError as error:
        return build_failure(
            name, f"unreachable: {error}", "Start it, or correct GUARDMDM_DATABASE_URL."
        )
    if misfit:
        return build_failure(name, misfit.text, misfit.fix)
    if missing:
        return build_failure(name, f"{missing} migrations are missing", "Run manage.py bootstrap.")
    if later:
        fix = "Run that version, or restore the backup that was made before the update."
        return Finding(name, f"it is a later version's ({later[-1]})", fix)
    if mode not in ("", "wal", "memory"):
        fix = "Put the data folder on a local disk: network disks know no write-ahead log."
        return Finding(name, f"{version}, journal mode {mode}: readers wait for writers", fix)
    return Finding(name, f"reachable, up to date, {version}{' in WAL mode' if mode else ''}")


def _describe_database() -> tuple[str, str]:
    """Return the version as text and SQLite's journal mode, "" for other databases."""
    with connection.cursor() as cursor:
        if connection.vendor != "sqlite":
            cursor.execute("SHOW server_version")
            return f"PostgreSQL {cursor.fetchone()[0]}", ""
        cursor.execute("SELECT sqlite_version()")
        version = cursor.fetchone()[0]
        cursor.execute("PRAGMA journal_mode")
        return f"SQLite {version}", cursor.fetchone()[0]


def check_broker() -> Finding:
    try:
        waiting = count_waiting_tasks()
        reach_cache()
    except BrokerRefuses as error:
        return build_failure(
            "broker",
            f"answers, and takes no tasks: {error}",
            "Give Redis more memory (maxmemory) and a disk with room; a Redis Cluster takes none.",
        )
    except (OperationalError, OSError) as error:
        return build_failure(
            "broker", f"unreachable: {error}", "Start it, or correct GUARDMDM_BROKER_URL."
        )
    except RedisError as error:
        return build_failure(
            "broker",
            f"takes tasks, but the cache beside it takes nothing: {error}",
            "Until then each process counts for itself, what limits sign-ins too. The cache's "
            "database is the one after the broker's: Redis must have it (databases; no Cluster).",
        )
    text = f"{settings.CELERY_BROKER_URL.partition(':')[0]}, {waiting} tasks wait"
    fix = "Start more workers, or look in their log for what holds them up."
    return Finding("broker", text, fix if waiting > MANY_TASKS else "")


def check_scheduler() -> Finding:
    return _judge_heart(
        "scheduler",
        find_heartbeat(Heart.SCHEDULER),
        now=timezone.now(),
        fix="Start `celery -A guardmdm beat` (one of them) or serve.",
    )


def check_workers() -> Finding:
    """A worker is well when it answers and does what the scheduler asks every minute."""
    try:
        answers = app.control.ping(timeout=WORKER_SECONDS)
    except (OperationalError, OSError):
        answers = []
    if not answers:
        return build_failure("workers", "none answers", NO_WORKER)
    now, beat = timezone.now(), find_heartbeat(Heart.WORKER)
    asked = find_heartbeat(Heart.SCHEDULER)
    if asked is None or now - asked > STALE_AFTER or beat is None:
        return Finding("workers", f"{len(answers)} answer")
    finding = _judge_heart("workers", beat, now=now, fix="Start more workers, or restart them.")
    return finding if finding.fix else Finding("workers", f"{len(answers)} answer, {finding.text}")


def _judge_heart(name: str, beaten_at: datetime | None, *, now: datetime, fix: str) -> Finding:
    if beaten_at is None:
        return build_failure(name, "has never worked", fix)
    seconds = max(0, int((now - beaten_at).total_seconds()))
    if now - beaten_at > STALE_AFTER:
        return build_failure(name, f"did nothing for {seconds // 60} minutes", fix)
    return Finding(name, f"worked {seconds} s ago")


def check_mail() -> Finding:
    """Signs in at the mail server and sends nothing."""
    place = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    connection = SmtpBackend(timeout=MAIL_SECONDS)
    try:
        connection.open()
        connection.close()
    except SMTPAuthenticationError as error:
        text = f"{place} refuses the user or the password ({error.smtp_code})"
        return build_failure("e-mail", text, "Correct GUARDMDM_EMAIL_URL.")
    except (SMTPException, OSError) as error:
        fix = "Start the mail server, or correct GUARDMDM_EMAIL_URL and GUARDMDM_EMAIL_CA."
        return build_failure("e-mail", f"{place}: {error}"[:300], fix)
    return Finding("e-mail", f"{place} takes mails of {settings.DEFAULT_FROM_EMAIL}")


def check_secret_key() -> Finding:
    """Whoever has it signs sessions, anybody's."""
    name, length = "secret key", len(settings.SECRET_KEY)
    if length >= LEAST_SECRET:
        return Finding(name, f"{length} characters")
    fix = (
        f"Set GUARDMDM_SECRET_KEY to {LEAST_SECRET} random characters or more "
        "(`openssl rand -base64 32`). Everybody signs in again."
    )
    return Finding(name, f"{length} characters, which can be guessed", fix)


def check_disk() -> Finding:
    """The data folder holds packages, and on the embedded default database and broker too."""
    try:
        free = shutil.disk_usage(settings.DATA_DIR).free
    except OSError as error:
        fix = "Create it, or correct GUARDMDM_DATA_DIR."
        return build_failure("disk", f"{settings.DATA_DIR}: {error.strerror}", fix)
    text = f"{free / 1024**3:.1f} GB free for {settings.DATA_DIR}"
    fix = "Make room: a full disk ends enrollment." if free < LITTLE_SPACE else ""
    return Finding("disk", text, fix, is_failure=free < NO_SPACE)
