"""What `doctor` looks at: each check says what it found and, where that is bad, the fix."""

import ssl
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from django.conf import settings
from django.db import connection
from django.db.utils import DatabaseError
from django.utils import timezone
from kombu.exceptions import OperationalError

from devices.models import PushCertificateState
from devices.selectors import count_devices_beyond_topic, find_push_certificate, is_refused
from guardmdm.celery import app
from guardmdm.readiness import count_missing_migrations, reach_broker
from organization.errors import NotSetUp
from organization.selectors import get_organization
from policies.services.package_files import get_folder
from policies.services.packages import list_missing_packages
from scep.selectors import get_issuing_ca, get_root_ca, list_expiring, list_root_cas

EXPIRES_SOON = timedelta(days=90)
CLOCK_TOLERANCE = timedelta(minutes=2)
CLOCK_URL = "https://www.apple.com/"
WORKER_SECONDS = 3.0


@dataclass(frozen=True)
class Finding:
    """`fix` is empty where all is well; `is_failure` tells a warning from what must be mended."""

    name: str
    text: str
    fix: str = ""
    is_failure: bool = False


def examine() -> Iterator[Finding]:
    """Yield a finding for each check; one that needs the database waits for it to be well."""
    yield check_base_url()
    yield check_clock()
    database = check_database()
    yield database
    yield check_broker()
    yield check_workers()
    if database.is_failure:
        return
    yield check_set_up()
    yield check_authorities()
    yield check_push_certificate()
    yield check_packages()


def check_base_url() -> Finding:
    url = urlsplit(settings.BASE_URL)
    name = "base URL"
    if url.scheme == "http" and url.hostname not in ("localhost", "127.0.0.1", "::1"):
        return _failure(name, settings.BASE_URL, "Devices need HTTPS: set GUARDMDM_BASE_URL to it.")
    try:
        with urlopen(f"{settings.BASE_URL}/healthz", timeout=5, context=_trust()) as answer:  # noqa: S310
            return Finding(name, f"{settings.BASE_URL} answers ({answer.status})")
    except ssl.SSLError as error:
        return _failure(name, f"TLS: {error.reason}", "Renew or complete the TLS certificate.")
    except (URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        return _failure(
            name,
            f"{settings.BASE_URL}: {reason}",
            "Start the server, or correct GUARDMDM_BASE_URL.",
        )


def check_clock() -> Finding:
    """Against the Date header of a server that every device must reach anyway."""
    name = "clock"
    with suppress(URLError, OSError, ValueError, TypeError):
        with urlopen(Request(CLOCK_URL, method="HEAD"), timeout=5) as answer:
            told = parsedate_to_datetime(answer.headers["Date"])
        offset = abs(timezone.now() - told)
        if offset > CLOCK_TOLERANCE:
            return _failure(name, f"off by {offset.total_seconds():.0f} s", "Switch on NTP.")
        return Finding(name, f"within {CLOCK_TOLERANCE.seconds // 60} minutes of Apple's")
    return Finding(name, "not compared: Apple's servers are out of reach", "Allow HTTPS to Apple.")


def check_database() -> Finding:
    name = f"database ({connection.vendor})"
    try:
        missing = count_missing_migrations()
    except DatabaseError as error:
        return _failure(
            name, f"unreachable: {error}", "Start it, or correct GUARDMDM_DATABASE_URL."
        )
    if missing:
        return _failure(name, f"{missing} migrations are missing", "Run manage.py bootstrap.")
    return Finding(name, "reachable, up to date")


def check_broker() -> Finding:
    try:
        reach_broker()
    except (OperationalError, OSError) as error:
        return _failure(
            "broker", f"unreachable: {error}", "Start it, or correct GUARDMDM_BROKER_URL."
        )
    return Finding("broker", settings.CELERY_BROKER_URL.partition(":")[0])


def check_workers() -> Finding:
    try:
        answers = app.control.ping(timeout=WORKER_SECONDS)
    except (OperationalError, OSError):
        answers = []
    if not answers:
        return _failure("workers", "none answers", "Start `celery -A guardmdm worker` or serve.")
    return Finding("workers", f"{len(answers)} answer")


def check_set_up() -> Finding:
    try:
        return Finding("set-up", f"done for {get_organization().name}")
    except NotSetUp:
        return _failure("set-up", "not done yet", "Run manage.py bootstrap.")


def check_authorities() -> Finding:
    try:
        authorities = (get_root_ca(), get_issuing_ca())
    except NotSetUp:
        return _failure("CA", "there is none", "Run manage.py bootstrap.")
    now = timezone.now()
    expiring = list_expiring(now=now, within=EXPIRES_SOON)
    if not expiring:
        first = min(authorities, key=lambda row: row.not_after)
        return Finding("CA", f"{first} valid until {first.not_after:%Y-%m-%d}")
    text = ", ".join(f"{each.name} ends on {each.not_after:%Y-%m-%d}" for each in expiring)
    is_own_work = all(each.is_automatic for each in expiring)
    fix = "Start the scheduler and a worker." if is_own_work else "Prepare or import the next CA."
    return Finding("CA", text, fix, is_failure=expiring[0].not_after <= now)


def check_push_certificate() -> Finding:
    row, now = find_push_certificate(), timezone.now()
    name = "push certificate"
    fix = "System › Push certificate, or manage.py push_certificate csr, then import."
    if row is None or row.not_after is None:
        return _failure(name, "there is none: no device can be woken", fix)
    if is_refused(row):
        return _failure(name, f"APNs refuses it: {row.refusal}", fix)
    state = row.get_state(now)
    if state == PushCertificateState.EXPIRED:
        return _failure(name, f"expired on {row.not_after:%Y-%m-%d}", fix)
    lost = count_devices_beyond_topic(row.topic)
    if lost:
        fix = "Import the certificate that they were enrolled with, or enroll them again."
        return _failure(name, f"{lost} devices listen to another topic", fix)
    is_soon = state == PushCertificateState.EXPIRING
    return Finding(name, f"valid until {row.not_after:%Y-%m-%d}", fix if is_soon else "")


def check_packages() -> Finding:
    """A restore brings back the rows of packages, not their files."""
    missing = list_missing_packages()
    text = f"the file of {missing[0]} is missing" if missing else "every file is there"
    fix = f"Copy the {len(missing)} files into {get_folder()}, or upload them again."
    return Finding("packages", text, fix if missing else "", is_failure=bool(missing))


def _failure(name: str, text: str, fix: str) -> Finding:
    return Finding(name, text, fix, is_failure=True)


def _trust() -> ssl.SSLContext:
    """The system's authorities and the root CAs that devices get by the profile."""
    context = ssl.create_default_context()
    with suppress(NotSetUp, DatabaseError, ssl.SSLError):
        for row in list_root_cas():
            context.load_verify_locations(cadata=bytes(row.certificate))
    return context
