"""PostgreSQL: a transaction begins with its first statement; some come with its end."""

import pytest
from django.db import (
    IntegrityError,
    InternalError,
    ProgrammingError,
    connection,
    connections,
    transaction,
)

from organization.models import insert_unasked
from scep.models import ScepProfile

SERIALIZABLE = 3  # psycopg2's number, as it comes from GUARDMDM_DATABASE_URL
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no round trips"),
]
OURS = "of this test"


@pytest.fixture
def other():
    """Another session, which sees what is committed."""
    session = connections.create_connection("default")
    yield session
    session.close()


def list_names(session=connection):
    with session.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM scep_scepprofile WHERE hook_url = %s ORDER BY name", [OURS]
        )
        return [name for (name,) in cursor.fetchall()]


def insert(*names, then=None):
    for name in names:
        insert_unasked(ScepProfile(name=name, hook_url=OURS))
    if then is not None:
        raise then


def fail(*names):
    with transaction.atomic():
        insert(*names, then=ZeroDivisionError)


def test_rows_are_seen_within_the_transaction_and_by_others_after_it(other):
    with transaction.atomic():
        insert("a", "100 %s")
        assert list_names() == ["100 %s", "a"]
        insert("b")
        assert list_names(other) == []
    assert list_names(other) == ["100 %s", "a", "b"]


def test_a_row_is_stored_at_once_when_there_is_no_transaction(other):
    insert("a")
    assert list_names(other) == ["a"]


def test_nothing_is_stored_when_the_transaction_fails(other):
    for names in (["a"], []):
        with pytest.raises(ZeroDivisionError):
            fail(*names)
    with transaction.atomic():
        insert("b")
    assert list_names(other) == ["b"]


def test_nothing_is_stored_when_a_row_is_refused_at_the_commit(other):
    with pytest.raises(IntegrityError), transaction.atomic():
        insert("a", "a")
    assert list_names(other) == []
    with transaction.atomic():
        insert("a")
    assert list_names(other) == ["a"]


def test_a_row_is_given_up_with_its_savepoint(other):
    with transaction.atomic():
        insert("outer")
        with pytest.raises(ZeroDivisionError):
            fail("inner")
        insert("last")
    assert list_names(other) == ["last", "outer"]


def test_a_row_that_would_be_refused_is_given_up_with_its_savepoint(other):
    with transaction.atomic():
        insert("outer")
        with pytest.raises(ZeroDivisionError):
            fail("outer")
        insert("last")
    assert list_names(other) == ["last", "outer"]


def test_what_comes_after_a_statement_that_cannot_be_read_is_not_stored(other):
    with transaction.atomic():
        insert("first")
        with pytest.raises(ProgrammingError), connection.wrap_database_errors:
            connection.execute("SELECTED 1", [])
        with pytest.raises(InternalError, match="aborted"):
            list_names()
    assert list_names(other) == []


@pytest.mark.parametrize("is_sent", [True, False])
def test_autocommit_is_not_changed_while_a_transaction_is_open(other, is_sent):
    connection.set_autocommit(False)
    with transaction.atomic():
        insert("a")
    try:
        if is_sent:
            list_names()
        with pytest.raises(ProgrammingError):
            connection.set_autocommit(True)
        connection.commit()
    finally:
        connection.rollback()
        connection.set_autocommit(True)
    assert list_names(other) == ["a"]


def test_transactions_have_the_isolation_of_the_settings(monkeypatch):
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "isolation_level", SERIALIZABLE)
    connection.close()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SHOW transaction_isolation")
        assert cursor.fetchone() == ("serializable",)
    monkeypatch.undo()
    connection.close()


@pytest.mark.parametrize("many", [True, False])
def test_a_cursor_of_before_takes_part_in_the_transaction(other, many):
    sql = "UPDATE scep_scepprofile SET name = %s WHERE hook_url = %s"
    values = ["changed", OURS]
    insert("a")
    with connection.cursor() as cursor, transaction.atomic():
        cursor.executemany(sql, [values]) if many else cursor.execute(sql, values)
        assert list_names(other) == ["a"]
    assert list_names(other) == ["changed"]


def test_transactions_by_hand_end_where_they_are_told_to(other):
    connection.set_autocommit(False)
    try:
        insert("a")
        list_names()
        connection.commit()
        connection.rollback()
        insert("b")
        list_names()
        connection.rollback()
        connection.commit()
    finally:
        connection.set_autocommit(True)
    insert("c")
    assert list_names(other) == ["a", "c"]


def test_rows_are_read_in_pieces_within_a_transaction(other):
    insert("a", "b")
    with transaction.atomic():
        insert("c")
        rows = ScepProfile.objects.filter(hook_url=OURS).order_by("name")
        names = rows.values_list("name", flat=True)
        assert list(names.iterator(chunk_size=1)) == ["a", "b", "c"]
