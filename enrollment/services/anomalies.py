"""Unusual traffic: a link that has got about, somebody who tries doors.

Counted once a minute from the log, so that no enrollment waits for it.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, IntegerField, Max, QuerySet
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce, Greatest

from enrollment.models import Anomaly, AnomalyKind, EnrollmentToken, LogEntry
from enrollment.services.log import write_entry

PERIOD = timedelta(minutes=10)
# Within a period. A class of pupils is 30, and so is a table at a roll-out.
MOST_BEGUN, MOST_TOKEN_REFUSALS, MOST_ADDRESS_REFUSALS = 60, 20, 60
KEPT = timedelta(days=30)
BATCH = 50
# What is said to somebody who has no business here, or to a device that should not come.
REFUSALS = (
    "token_expired",
    "token_exhausted",
    "token_revoked",
    "token_signature_invalid",
    "token_malformed",
    "token_unknown",
    "short_link_unknown",
    "session_unknown",
    "session_expired",
    "session_used",
    "scep_challenge_invalid",
    "scep_challenge_reused",
    "certificate_not_issued",
    "signature_invalid",
    "identity_not_trusted",
    "client_certificate_unreadable",
    "serial_not_allowed",
    "device_mismatch",
    "device_not_identified",
    "device_certificate_not_trusted",
    "profile_service_malformed",
)


def report_anomalies(*, now: datetime) -> int:
    """Log each anomaly once in an hour, and forget those of last month; return how many."""
    Anomaly.objects.filter(created_at__lt=now - KEPT).delete()
    found = (*_find_by_token(now=now), *_find_by_address(now=now))
    return sum(_report(anomaly) for anomaly in found)


def _find_by_token(*, now: datetime) -> Iterator[Anomaly]:
    recent = _list_recent(now=now).filter(token__isnull=False)
    # What was made from a token is that token's traffic.
    recent = recent.annotate(subject=Coalesce("token__parent", "token"))
    kinds = (
        (AnomalyKind.BURST, ["session_opened"], MOST_BEGUN),
        (AnomalyKind.TOKEN_REFUSALS, REFUSALS, MOST_TOKEN_REFUSALS),
    )
    for kind, codes, most in kinds:
        counts = _count(recent.filter(code__in=codes), column="subject", most=most)
        tokens = EnrollmentToken.objects.in_bulk(list(counts))
        for key, token in tokens.items():
            yield _build(kind, subject=token.jti, token=token, count=counts[key], now=now)


def _find_by_address(*, now: datetime) -> Iterator[Anomaly]:
    recent = _list_recent(now=now).filter(code__in=REFUSALS, remote_address__isnull=False)
    counts = _count(recent, column="remote_address", most=MOST_ADDRESS_REFUSALS)
    for address, count in counts.items():
        kind = AnomalyKind.ADDRESS_REFUSALS
        yield _build(kind, subject=address, remote_address=address, count=count, now=now)


def _list_recent(*, now: datetime) -> QuerySet[LogEntry]:
    return LogEntry.objects.filter(created_at__gt=now - PERIOD).order_by()


def _count(entries: QuerySet[LogEntry], *, column: str, most: int) -> dict[Any, int]:
    # An entry may stand for those before it: enrollment.services.refused_messages.
    told = Coalesce(Max(Cast(KT("detail__count"), IntegerField())), 0)
    number = Greatest(Count("id"), told)
    counts = entries.values_list(column).annotate(number=number).filter(number__gt=most)
    return dict(counts.order_by("-number")[:BATCH])


def _build(kind: AnomalyKind, *, subject: str, now: datetime, **values: Any) -> Anomaly:
    hour = int(now.timestamp()) // 3600
    return Anomaly(kind=kind, subject=subject, hour=hour, created_at=now, **values)


@transaction.atomic
def _report(anomaly: Anomaly) -> bool:
    _, is_new = Anomaly.objects.get_or_create(
        kind=anomaly.kind,
        subject=anomaly.subject,
        hour=anomaly.hour,
        defaults={
            name: getattr(anomaly, name)
            for name in ("token", "remote_address", "count", "created_at")
        },
    )
    if is_new:
        write_entry(
            anomaly.kind,
            message=describe_anomaly(anomaly),
            token=anomaly.token,
            remote_address=anomaly.remote_address,
            detail={"count": anomaly.count, "minutes": int(PERIOD.total_seconds() // 60)},
        )
    return is_new


def describe_anomaly(anomaly: Anomaly) -> str:
    """Return it as a sentence for the log."""
    if anomaly.kind == AnomalyKind.ADDRESS_REFUSALS:
        return f"{anomaly.remote_address}: {anomaly.count} refusals within 10 minutes"
    what = "enrollments began" if anomaly.kind == AnomalyKind.BURST else "refusals"
    name = anomaly.token.name if anomaly.token else anomaly.subject
    return f"token “{name}”: {anomaly.count} {what} within 10 minutes"
