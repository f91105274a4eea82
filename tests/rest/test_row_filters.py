"""Filters of lists: no mistake in one lists more than was meant.

What points to one row is found by its key, which a join would hide from PostgreSQL.
"""

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


@pytest.mark.parametrize(
    ("path", "query", "name"),
    [
        ("devices", "group=", "group"),
        ("devices", "owner=", "owner"),
        ("devices", "seen_before=", "seen_before"),
        ("devices", "missing_passcode=", "missing_passcode"),
        ("devices", "status=managed&status=", "status"),
        ("groups", "name=", "name"),
        ("scep/requests", "state=", "state"),
        ("devices", "group={group}&group={group}", "group"),
        ("devices", "group=%20", "group"),
        ("devices", "search=", "search"),
        ("enrollment/log", "search=%20%09", "search"),
        ("devices", "ordering=", "ordering"),
        ("devices", "cursor=", "cursor"),
        ("devices", "page_size=1&page_size=2", "page_size"),
        ("scep/profiles", "allow_legacy=maybe", "allow_legacy"),
        ("scep/service-certificates", "is_active=null", "is_active"),
    ],
)
def test_a_list_is_refused_when_a_parameter_is_empty_twice_or_no_value(
    path: str, query: str, name: str, auditor: Program, sample: Sample
) -> None:
    answer = auditor.get(f"{path}?{build_path(query, sample)}")
    assert answer.status_code == 400, answer.content
    assert set(answer.json()["errors"]) == {name}


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("devices", "status=enrolled&status=managed"),
        ("scep/profiles", "allow_legacy=False"),
    ],
)
def test_a_list_is_told_when_a_choice_is_given_twice(
    path: str, query: str, auditor: Program
) -> None:
    assert auditor.get(f"{path}?{query}").status_code == 200


@pytest.mark.parametrize("name", ["supervised", "missing_filevault", "missing_passcode"])
def test_flag_is_refused_when_neither_true_nor_false(name: str, auditor: Program) -> None:
    for value in ("maybe", "null", "2", "yes"):
        answer = auditor.get("devices", **{name: value})
        assert answer.status_code == 400
        assert set(answer.json()["errors"]) == {name}
    for value in ("true", "False", "1"):
        assert auditor.get("devices", **{name: value}).status_code == 200


@pytest.mark.parametrize("search", ["a\0b", "a b c d e f g h i", '"a b c d e f g h i"'])
def test_search_is_refused_by_its_name_when_it_holds_a_nul_or_too_many_words(
    auditor: Program, search: str
) -> None:
    answer = auditor.get("devices", search=search)
    assert (answer.status_code, set(answer.json()["errors"])) == (400, {"search"})


def test_filter_is_refused_when_its_value_is_no_choice(auditor: Program) -> None:
    answer = auditor.get("devices", status="broken")
    assert answer.status_code == 400
    assert set(answer.json()["errors"]) == {"status"}
