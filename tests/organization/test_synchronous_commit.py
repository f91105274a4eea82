"""PostgreSQL: the commit that need not wait for the disk is one statement's own."""

import pytest
from django.db import connection, transaction

from organization.models import Given, PreparedInsert, PreparedUpdate
from scep.models import ScepProfile

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one setting for all"),
]

INSERT = PreparedInsert(
    ScepProfile,
    unless=[lambda: ScepProfile.objects.filter(name=Given("taken"))],
    waits_for_disk=False,
)
RENAME = PreparedUpdate(
    lambda: ScepProfile.objects.filter(name=Given("name")),
    name=Given("new_name"),
    waits_for_disk=False,
)


def test_only_its_own_commit_is_left_to_the_next_one(bootstrapped):
    """The setting is as before for whatever the connection does next."""
    with connection.cursor() as cursor:
        assert INSERT.run(ScepProfile(name="new"), taken="nobody's")
        assert RENAME.run(name="new", new_name="renamed") == 1
        assert RENAME.run(name="new", new_name="again") == 0
        cursor.execute("SHOW synchronous_commit")
        assert cursor.fetchone() == ("on",)
        with transaction.atomic():
            assert INSERT.run(ScepProfile(name="newer"), taken="nobody's")
            assert RENAME.run(name="newer", new_name="newest") == 1
            cursor.execute("SHOW synchronous_commit")
            assert cursor.fetchone() == ("on",)
