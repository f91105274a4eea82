"""A sweep goes through all rows in rounds, a portion in each run."""

import pytest

from organization.models import AuditEntry
from organization.services.rounds import take_portion

pytestmark = pytest.mark.django_db


def make_rows(count: int) -> list[int]:
    return [AuditEntry.objects.create(actor="tried", action="a").pk for _ in range(count)]


def take(*, size: int) -> list[int]:
    rows = AuditEntry.objects.filter(actor="tried")
    portion = take_portion("tried", rows, size=size)
    return sorted(rows.filter(portion).values_list("pk", flat=True))


def test_all_rows_are_taken_each_time_when_they_are_no_more_than_a_portion() -> None:
    keys = make_rows(2)
    assert [take(size=3) for _ in range(2)] == [keys, keys]


def test_each_row_is_taken_once_in_a_round_when_they_are_more() -> None:
    keys = make_rows(5)
    assert [take(size=2) for _ in range(4)] == [keys[:2], keys[2:4], keys[4:], keys[:2]]


def test_no_row_is_left_out_when_others_come_and_go() -> None:
    keys = make_rows(4)
    assert take(size=2) == keys[:2]
    AuditEntry.objects.filter(pk__in=keys[1:3]).delete()
    (new,) = make_rows(1)
    assert [take(size=2), take(size=2)] == [[keys[3], new], []]
    assert take(size=2) == [keys[0], keys[3]]


def test_two_sweeps_do_not_share_their_position() -> None:
    keys = make_rows(3)
    rows = AuditEntry.objects.filter(actor="tried")
    assert take(size=2) == keys[:2]
    assert rows.filter(take_portion("other", rows, size=2)).count() == 2
    assert take(size=2) == keys[2:]
