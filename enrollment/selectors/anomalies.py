"""Reads of what is unusual about enrollments."""

from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from enrollment.models import Anomaly

ANOMALY_SHOWN = timedelta(days=1)


def list_anomalies(*, now: datetime) -> QuerySet[Anomaly]:
    """Return what was unusual in the last day, unless its token is revoked by now."""
    recent = Anomaly.objects.filter(created_at__gt=now - ANOMALY_SHOWN).select_related("token")
    return recent.filter(Q(token=None) | Q(token__revoked_at=None))
