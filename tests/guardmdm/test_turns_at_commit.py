"""PostgreSQL: while a request waits for its commit, the next one is worked at."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from django.db import connection, connections, transaction

from guardmdm import turns
from organization.models import Given, PreparedUpdate
from scep.models import ScepProfile

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer"),
]

TABLE = ScepProfile._meta.db_table
GATE = 20196
"""An advisory lock that each commit of a SCEP profile asks for."""
RENAME = PreparedUpdate(lambda: ScepProfile.objects.filter(name=Given("name")), name=Given("new"))
PATIENCE = 20


@pytest.fixture
def gate():
    """Hold up every commit that has changed a SCEP profile, until the test opens the gate."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION wait_at_gate() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN PERFORM pg_advisory_xact_lock({GATE}); RETURN NULL; END $$"
        )
        cursor.execute(
            f"CREATE CONSTRAINT TRIGGER gate AFTER UPDATE ON {TABLE} DEFERRABLE "
            "INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait_at_gate()"
        )
        cursor.execute(f"SELECT pg_advisory_lock({GATE})")

        def open_gate():
            cursor.execute(f"SELECT pg_advisory_unlock({GATE})")

        yield open_gate
        cursor.execute(f"DROP TRIGGER gate ON {TABLE}")
        cursor.execute("DROP FUNCTION wait_at_gate")


def rename_in_one_statement():
    RENAME.run(name="first", new="second")


def rename_in_a_transaction():
    with transaction.atomic():
        ScepProfile.objects.filter(name="first").update(name="second")


@pytest.mark.parametrize("rename", [rename_in_one_statement, rename_in_a_transaction])
def test_the_next_request_is_worked_at_while_a_commit_waits(
    bootstrapped, gate, monkeypatch, rename
):
    monkeypatch.setattr(turns, "SHORT_SECONDS", 2 * PATIENCE)
    ScepProfile.objects.update(name="first")
    has_begun, is_seen = Event(), Event()

    def answer(environ, _start_response):
        if environ["PATH_INFO"] == "/first":
            has_begun.set()
            rename()
        else:
            is_seen.set()
        return []

    application = turns.Turns(answer, count=2, max_body=0)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(application, {"PATH_INFO": "/first"}, None)
        assert has_begun.wait(PATIENCE)
        pool.submit(application, {"PATH_INFO": "/second"}, None)
        try:
            assert is_seen.wait(PATIENCE), "it has waited for the other one's commit"
            assert not first.done()
        finally:
            gate()
        first.result(PATIENCE)
    assert ScepProfile.objects.filter(name="second").exists()
    for lent in application._turns._all:
        lent.connections[connections["default"].alias].close()
