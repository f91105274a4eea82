"""Lists of what points to one row: found by its key, which a join would hide from PostgreSQL."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.rest.conftest import Program, Sample
from tests.rest.operations import build_path

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_sample")]


@pytest.mark.parametrize(
    ("path", "name", "value", "column"),
    [
        ("devices", "group", "{group}", '"devices_device"."group_id"'),
        ("commands", "device", "{device}", '"devices_command"."device_id"'),
        ("enrollment/log", "token", "{token}", '"enrollment_logentry"."token_id"'),
        (
            "scep/certificates",
            "scep_profile",
            "{scep_profile}",
            '"scep_issuedcertificate"."scep_profile_id"',
        ),
    ],
)
def test_the_rows_of_one_are_found_by_its_key(
    path: str, name: str, value: str, column: str, auditor: Program, sample: Sample
) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert auditor.list(path, **{name: build_path(value, sample)})
    table = column.partition(".")[0]
    [listed] = [
        each["sql"] for each in queries if f"FROM {table}" in each["sql"] and "LIMIT" in each["sql"]
    ]
    assert f"{column} = " in listed.partition(" WHERE ")[2]
