"""PostgreSQL: lists in an order, or of one device, read a part of an index."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from devices.models import Command
from devices.rest.commands import CommandFilters, CommandViewSet
from enrollment.models import EnrollmentSession
from organization.rest.ordering import Order
from scep.models import IssuedCertificate
from scep.rest.certificates import CertificateViewSet
from tests.plans import count_rows_read
from tests.rest.conftest import FAR, Sample, add_certificate, add_command

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite explains otherwise"),
]
MANY, PAGE = 300, 10


def take_page(rows: Any, *, name: str, descending: bool, shares: Any) -> tuple[list[Any], int]:
    """Return the first rows in the order, and how many rows of their table were read for them."""
    table = rows.model._meta.db_table
    with connection.cursor() as cursor:
        # Of so few rows reading all is cheaper still.
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
        cursor.execute("SET LOCAL enable_sort = off")
        cursor.execute(f"ANALYZE {table}")
    before = count_rows_read([table])[table]
    field: Any = rows.model._meta.get_field(name)
    order = Order(field, descending=descending, shares=shares.get(name, ()))
    page = order.take(rows, count=PAGE, place=None, forward=True)
    return page, count_rows_read([table])[table] - before


@pytest.mark.parametrize("descending", [True, False])
def test_certificates_are_listed_by_their_end_without_reading_all(
    sample: Sample, descending: bool
) -> None:
    for number in range(MANY):
        row = add_certificate(sample.scep_profile)
        IssuedCertificate.objects.filter(pk=row.pk).update(
            status="revoked" if number % 2 else "issued",
            not_after=FAR + timedelta(days=number * 7 % MANY),
        )
    page, read = take_page(
        CertificateViewSet.queryset,
        name="not_after",
        descending=descending,
        shares=CertificateViewSet.ordering_shares,
    )
    ends = [row.not_after for row in page]
    assert ends == sorted(ends, reverse=descending)
    assert read < MANY / 2


@pytest.mark.parametrize("descending", [True, False])
def test_commands_are_listed_by_their_end_without_reading_all(
    sample: Sample, descending: bool
) -> None:
    now = timezone.now()
    for number in range(MANY):
        add_command(
            sample.enrollment,
            completed_at=now - timedelta(minutes=number * 7 % MANY),
            forgotten_at=now if number % 2 else None,
            request_type="DeviceLock" if number % 3 else "ProfileList",
        )
    page, read = take_page(
        Command.objects.all(),
        name="completed_at",
        descending=descending,
        shares=CommandViewSet.ordering_shares,
    )
    ends = [row.completed_at for row in page]
    assert ends == sorted(ends, reverse=descending)
    assert read < MANY / 2


def test_sessions_are_listed_by_their_end_without_reading_all(sample: Sample) -> None:
    now = timezone.now()
    EnrollmentSession.objects.bulk_create(
        EnrollmentSession(token=sample.token, expires_at=now + timedelta(minutes=number * 7 % MANY))
        for number in range(MANY)
    )
    _, read = take_page(
        EnrollmentSession.objects.all(), name="expires_at", descending=False, shares={}
    )
    assert read < MANY / 2


def test_open_commands_are_found_without_reading_those_that_are_over(sample: Sample) -> None:
    now = timezone.now()
    for number in range(MANY):
        add_command(
            sample.enrollment,
            state="acknowledged" if number else "sent",
            completed_at=now if number else None,
        )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE devices_command")
    before = count_rows_read(["devices_command"])["devices_command"]
    found = CommandFilters({"state": ["sent"]}, queryset=Command.objects.order_by("-id")).qs
    assert len(found[:PAGE]) == 1
    assert count_rows_read(["devices_command"])["devices_command"] - before < 20
