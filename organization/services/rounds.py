"""Sweeps go through their tables in rounds, a portion in each run (docs/adr/0236).

So a run costs the same however many rows there are; only a round takes longer.
"""

from typing import Any

from django.db.models import Q, QuerySet

from organization.models import Round


def take_portion(name: str, rows: QuerySet[Any], *, size: int) -> Q:
    """Return the condition that the next `size` of all the rows meet; after the last, the first.

    Where there are fewer, that is all of them. What a run that breaks off has not looked at is
    looked at in the next round: a row that breaks it keeps no other waiting.
    """
    after = Round.objects.filter(name=name).values_list("after", flat=True).first() or 0
    ahead = rows.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)
    until = ahead[size - 1 : size].first()
    if until is None:
        _note(name, after=0)
        return Q(pk__gt=after)
    _note(name, after=until)
    return Q(pk__gt=after, pk__lte=until)


def _note(name: str, *, after: int) -> None:
    Round.objects.bulk_create(
        [Round(name=name, after=after)],
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["after"],
    )
