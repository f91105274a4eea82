"""What `/metrics` tells, in Prometheus' text format (version 0.0.4): gauges, from the database.

A web process tells what the whole installation is like, so whichever is asked says the same.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from kombu.exceptions import OperationalError

from devices.models import Command
from devices.models.command import HAS_NO_END
from devices.selectors import count_devices_by_status, find_push_certificate
from enrollment.models import TokenState
from enrollment.selectors import list_tokens, list_waiting_sessions
from guardmdm.examination import find_latest
from guardmdm.heartbeat import find_heartbeat
from guardmdm.models import Heart
from guardmdm.readiness import count_waiting_tasks
from policies.selectors.progress import count_failed_items
from scep.models import HeldRequest, HeldRequestState
from scep.selectors import list_expiring

EVER = timedelta(days=100 * 365)
ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})

Labels = dict[str, str]
Value = tuple[Labels, float]


@dataclass(frozen=True)
class Gauge:
    """`values`: each with what tells it from the others; none where nothing is known."""

    name: str
    help: str
    values: Iterable[Value]


def build_metrics(*, now: datetime) -> str:
    """Return all gauges as text; raises DatabaseError where there is no database."""
    return "".join(line for gauge in _read_gauges(now=now) for line in _encode(gauge))


def _read_gauges(*, now: datetime) -> Iterator[Gauge]:
    statuses = count_devices_by_status().items()
    yield Gauge("devices", "Devices by status.", [({"status": key}, n) for key, n in statuses])
    tokens = list_tokens(now=now, state=TokenState.ACTIVE).count()
    yield Gauge("active_tokens", "Enrollment tokens that enroll.", [({}, tokens)])
    yield Gauge("waiting", "What waits for an administrator's approval.", _count_waiting(now=now))
    # The same as IS_OPEN, and counted in an index alone.
    commands = Command.objects.filter(HAS_NO_END).count()
    yield Gauge("open_commands", "Commands that are not answered yet.", [({}, commands)])
    yield Gauge("failed_items", "Policy items not installed.", [({}, count_failed_items())])
    yield Gauge("broker_tasks", "Tasks that no worker has taken yet.", _count_tasks())
    yield Gauge(
        "sign_of_life_timestamp_seconds", "When workers and scheduler last worked.", _list_hearts()
    )
    yield Gauge(
        "certificate_expiry_timestamp_seconds",
        "When what the server works with ends: push certificate, CAs, RA, profile signing.",
        _list_ends(now=now),
    )
    latest = find_latest()
    failures = sum(each["is_failure"] for each in latest.findings) if latest else 0
    yield Gauge("doctor_failures", "What the doctor last found broken.", [({}, failures)])


def _count_waiting(*, now: datetime) -> list[Value]:
    requests = HeldRequest.objects.filter(state=HeldRequestState.PENDING).count()
    people = list_waiting_sessions(now=now).count()
    return [({"what": "certificate"}, requests), ({"what": "profile"}, people)]


def _count_tasks() -> list[Value]:
    """Nothing where the broker is away: /readyz tells that."""
    try:
        return [({}, count_waiting_tasks())]
    except (OperationalError, OSError):
        return []


def _list_hearts() -> list[Value]:
    beats = {heart.value: find_heartbeat(heart) for heart in Heart}
    return [({"process": key}, beat.timestamp()) for key, beat in beats.items() if beat]


def _list_ends(*, now: datetime) -> list[Value]:
    certificate = find_push_certificate()
    # Of two that have the same name the one that ends first is told.
    ends = reversed(list_expiring(now=now, within=EVER))
    found = {(each.kind, each.name): each.not_after for each in ends}
    if certificate is not None and certificate.not_after is not None:
        found["push", certificate.topic] = certificate.not_after
    return [({"kind": kind, "name": name}, end.timestamp()) for (kind, name), end in found.items()]


def _encode(gauge: Gauge) -> Iterator[str]:
    name = f"guardmdm_{gauge.name}"
    yield f"# HELP {name} {gauge.help}\n# TYPE {name} gauge\n"
    for labels, value in gauge.values:
        named = ",".join(f'{key}="{text.translate(ESCAPES)}"' for key, text in labels.items())
        yield f"{name}{{{named}}} {value:.15g}\n" if named else f"{name} {value:.15g}\n"
