"""A kept connection to PostgreSQL is looked at without asking the server."""

import pytest
from django.db import connection, connections

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no connections"),
]


@pytest.fixture
def other():
    """A second session, which may end the first."""
    session = connections.create_connection("default")
    yield session
    session.close()


def test_connection_is_usable_when_the_server_is_silent(django_assert_num_queries):
    connection.ensure_connection()
    with django_assert_num_queries(0):
        assert connection.is_usable()


def test_connection_is_not_usable_when_the_server_has_ended_it(other):
    connection.ensure_connection()
    process = connection.connection.info.backend_pid
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [process])
    assert not connection.is_usable()
    connection.close()


def test_connection_is_usable_when_the_server_has_only_said_something(other):
    with connection.cursor() as cursor:
        cursor.execute("LISTEN guardmdm")
    with other.cursor() as cursor:
        cursor.execute("NOTIFY guardmdm")
    assert connection.is_usable()


def test_connection_is_not_usable_when_it_was_closed():
    connection.ensure_connection()
    connection.connection.close()
    assert not connection.is_usable()
    connection.close()


def test_connection_ends_within_half_a_minute_when_the_server_vanishes():
    """Tried with a network that swallows everything: queries under way and new ones end in 20 s."""
    connection.ensure_connection()
    told = connection.connection.info.dsn_parameters
    assert int(told["tcp_user_timeout"]) <= 20_000
    assert int(told["keepalives_idle"]) + 3 * int(told["keepalives_interval"]) <= 25
    assert int(told["connect_timeout"]) <= 5


def test_nothing_is_compiled_when_a_transaction_of_a_new_connection_was_rolled_back(other):
    other.set_autocommit(False)
    with other.cursor() as cursor:
        cursor.execute("SHOW jit")
        assert cursor.fetchone() == ("off",)
        other.rollback()
        cursor.execute("SHOW jit")
        assert cursor.fetchone() == ("off",)
