"""PostgreSQL: what `/metrics` counts is counted in an index."""

from typing import Any

import pytest
from django.db import connection

from devices.models import Command
from devices.models.command import HAS_NO_END
from policies.models import ItemStatus

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite explains otherwise"),
]


@pytest.mark.parametrize(
    ("rows", "index"),
    [
        (Command.objects.filter(HAS_NO_END), "command_queue"),
        (ItemStatus.objects.filter(state="failed"), "item_failed"),
    ],
)
def test_what_wants_attention_is_counted_without_reading_all_of_its_table(
    rows: Any, index: str
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        assert index in rows.order_by().values("enrollment").explain()
