"""After a new encryption key: every sealed value is sealed again, with the newest one."""

from collections.abc import Callable, Iterator
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connection

from organization.models import SealedField
from organization.protocol.sealing import KeyRing
from organization.services import second_factors
from organization.services.second_factors import reseal_second_factors

BATCH = 500
Progress = Callable[[str, int], None]


def reseal_everything(*, report: Progress = lambda column, count: None) -> int:
    """Return how many values were sealed again; `report` gets `table.column` and its count.

    Safe beside running servers, and again after an interruption: a value that changes
    meanwhile is already sealed with the newest key. Raises SecretUnreadable at the
    first value that no key opens; what was done before stays.
    """
    ring: KeyRing = settings.GUARDMDM_KEY_RING
    total = 0
    for field in list_sealed_fields():
        count = sum(_reseal(field, ring=ring, pk=pk, sealed=sealed) for pk, sealed in _read(field))
        report(field.context, count)
        total += count
    count = reseal_second_factors()
    report(second_factors.CONTEXT, count)
    return total + count


def list_sealed_fields() -> list[SealedField]:
    """Return every sealed column of every installed application."""
    return [
        field
        for model in apps.get_models()
        for field in model._meta.local_fields
        if isinstance(field, SealedField)
    ]


def _read(field: SealedField) -> Iterator[tuple[Any, bytes]]:
    """Yield primary key and stored bytes, past the field's own opening of them."""
    table, column, pk = _names(field)
    last: Any = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {pk}, {column} FROM {table} WHERE {pk} > %s AND {column} IS NOT NULL "  # noqa: S608 - our own names
                f"ORDER BY {pk} LIMIT {BATCH}",
                [last],
            )
            rows = cursor.fetchall()
        if not rows:
            return
        yield from ((key, bytes(sealed)) for key, sealed in rows)
        last = rows[-1][0]


def _reseal(field: SealedField, *, ring: KeyRing, pk: Any, sealed: bytes) -> int:
    if ring.is_sealed_with_newest(sealed):
        return 0
    fresh = ring.seal(ring.open(sealed, context=field.context), context=field.context)
    table, column, key = _names(field)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET {column} = %s WHERE {key} = %s AND {column} = %s",  # noqa: S608
            [fresh, pk, sealed],
        )
        return int(cursor.rowcount)


def _names(field: SealedField) -> tuple[str, str, str]:
    quote = connection.ops.quote_name
    meta = field.model._meta
    return quote(meta.db_table), quote(str(field.column)), quote(str(meta.pk.column))
