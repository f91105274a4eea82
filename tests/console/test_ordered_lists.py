"""Every list that has headings to order by, and what the orders of some of them mean."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from devices.models import SoftwareTitle
from enrollment.models import EnrollmentToken
from enrollment.services.tokens import create_token
from scep.models import CertificateStatus, IssuedCertificate
from tests.console.conftest import World, create_certificate
from tests.console.test_ordering import find_directions, find_sorts, list_names, read
from tests.console.test_permissions import ROUTES, fill_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_world")]

BY_DEFAULT = {
    "certificates": ("created_at", "descending"),
    "log": ("created_at", "descending"),
    "sessions": ("created_at", "descending"),
    "audit-log": ("created_at", "descending"),
    "packages": ("created_at", "descending"),
    "bulk-commands": ("created_at", "descending"),
    "groups": ("name", "ascending"),
    "policies": ("name", "ascending"),
    "scep-profiles": ("name", "ascending"),
    "software": ("devices", "descending"),
    "device-apps": ("name", "ascending"),
}
OTHERS = ("devices", "tokens", "invitations", "api-keys", "administrators", "webhooks")
CERTIFICATES = "/console/system/certificates/"


@pytest.mark.parametrize("name", [*BY_DEFAULT, *OTHERS, "device-certificates"])
def test_each_heading_of_a_list_leads_both_ways(
    name: str, world: World, administrator: Client
) -> None:
    assert name in ROUTES
    path = fill_in(name, world)
    sorts = find_sorts(read(administrator, path))
    assert sorts
    for sort in sorts:
        there, back = (read(administrator, f"{path}?ordering={sign}{sort}") for sign in ("", "-"))
        assert [*find_directions(there).values()] == ["ascending"], sort
        assert [*find_directions(back).values()] == ["descending"], sort
        assert list_names(there) == list_names(back)[::-1], sort


@pytest.mark.parametrize(("name", "order"), BY_DEFAULT.items())
def test_a_list_says_what_it_is_ordered_by_when_nobody_has_chosen(
    name: str, order: tuple[str, str], world: World, administrator: Client
) -> None:
    page = read(administrator, fill_in(name, world))
    assert find_directions(page) == dict([order])
    assert 'value="" disabled' in page


def list_subjects(client: Client, query: str) -> list[str]:
    page: Any = client.get(f"{CERTIFICATES}?{query}").context["page"]
    return [row.subject for row in page.object_list]


@pytest.fixture
def ends(world: World) -> list[str]:
    """Certificates of every status by their end, a hundred of them; the first ends first."""
    IssuedCertificate.objects.all().delete()
    now, subjects = timezone.now(), []
    for number in range(100):
        place = number * 37 % 100  # in some order
        create_certificate(
            subject=f"CN={place:03}",
            status=CertificateStatus.values[number % len(CertificateStatus.values)],
            not_after=now + timedelta(days=10 + place),
        )
        subjects.append(f"CN={number:03}")
    return subjects


def test_certificates_of_all_states_are_merged_by_their_end(
    ends: list[str], auditor: Client
) -> None:
    assert list_subjects(auditor, "ordering=not_after") == ends[:50]
    assert list_subjects(auditor, "ordering=not_after&page=2") == ends[50:]
    assert list_subjects(auditor, "ordering=-not_after") == ends[:49:-1]
    assert list_subjects(auditor, "ordering=-not_after&page=2") == ends[49::-1]


def test_a_filter_of_the_expiry_orders_by_it_until_another_order_is_chosen(
    ends: list[str], auditor: Client
) -> None:
    soonest = list_subjects(auditor, "expires=30")
    assert soonest == sorted(soonest)
    assert 'aria-sort="ascending"' in read(auditor, f"{CERTIFICATES}?expires=30")
    newest = list_subjects(auditor, "expires=30&ordering=-created_at")
    assert sorted(newest) == soonest != newest


def test_the_file_of_certificates_is_in_the_order_of_the_list(
    ends: list[str], auditor: Client
) -> None:
    answer: Any = auditor.get(f"{CERTIFICATES}export.csv?ordering=-not_after")
    lines = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()
    assert [line.split(",")[1] for line in lines[1:]] == ends[::-1]


def add_token(world: World, *, name: str, expires_at: Any = None) -> None:
    create_token(
        name=name,
        group=world.group,
        scep_profile=world.scep_profile,
        expires_at=expires_at,
        max_uses=1,
        actor="tests",
    )


def test_a_token_that_never_expires_is_the_last_one_to_expire(
    world: World, auditor: Client
) -> None:
    now = timezone.now()
    EnrollmentToken.objects.exclude(pk=world.token.pk).filter(parent=None).delete()
    for name, days in (("Never", None), ("Soon", 1), ("Later", 30)):
        add_token(world, name=name, expires_at=days and now + timedelta(days=days))
    names = ["Soon", "Spring intake", "Later", "Never"]
    path = "/console/enrollment/ota/tokens/"
    assert list_names(read(auditor, f"{path}?ordering=expires_at")) == names
    assert list_names(read(auditor, f"{path}?ordering=-expires_at")) == names[::-1]


def test_the_most_used_token_is_first_when_uses_are_clicked_once(
    world: World, auditor: Client
) -> None:
    path = "/console/enrollment/ota/tokens/"
    EnrollmentToken.objects.exclude(pk=world.token.pk).filter(parent=None).delete()
    add_token(world, name="Unused")
    EnrollmentToken.objects.filter(name="Spring intake").update(use_count=3)
    page = read(auditor, path + find_sorts(read(auditor, path))["uses"])
    assert list_names(page) == ["Spring intake", "Unused"]


def test_an_order_costs_the_same_queries_however_long_the_list(
    world: World, auditor: Client
) -> None:
    counts = []
    for length in (1, 40):
        SoftwareTitle.objects.bulk_create(
            SoftwareTitle(identifier=f"{length}.{n}", name=f"App {n}", device_count=1)
            for n in range(length)
        )
        with CaptureQueriesContext(connection) as captured:
            read(auditor, "/console/devices/apps/?ordering=name")
        counts.append(len(captured))
    assert counts[0] == counts[1]
