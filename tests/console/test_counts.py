"""What pages count of many rows: no further than it pays."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client
from django.utils import timezone

from devices.models import Device, Enrollment, EnrollmentState
from enrollment.models import EnrollmentSession
from policies.models import ItemStatus, Policy, PolicyItem
from tests.console.conftest import World, create_device

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_world")]


def add_status(
    enrollment: Enrollment, item: PolicyItem, *, state: str, identifier: str = "a"
) -> ItemStatus:
    return ItemStatus.objects.create(
        enrollment=enrollment,
        item=item,
        kind="profile",
        name="Wi-Fi",
        identifier=identifier,
        state=state,
    )


COUNTER = re.compile(r'<a class="counter" href="([^"]+)">.*?<strong>([\d,]+)</strong>([^<]+)<')


def list_counters(client: Client, path: str) -> dict[str, tuple[str, int]]:
    """Return where each counter of a page leads, and its number, by what it counts."""
    page = client.get(path).content.decode()
    return {
        label: (unescape(url), int(count.replace(",", "")))
        for url, count, label in COUNTER.findall(page)
    }


def count_listed(client: Client, url: str) -> int:
    return int(client.get(url).context["page"].paginator.count)


@pytest.fixture
def some_gone(world: World) -> None:
    """Devices that have left, lately and long ago, and one that enrolled earlier."""
    now = timezone.now()
    for days, status in ((1, "unenrolled"), (40, "unenrolled"), (20, "managed"), (7, "managed")):
        device, _ = create_device(f"iPad {days}", platform="ipados", group=world.group)
        Device.objects.filter(pk=device.pk).update(
            status=status, enrolled_at=now - timedelta(days=days)
        )


@pytest.mark.usefixtures("some_gone")
def test_the_dashboards_numbers_are_those_of_the_lists_they_open(auditor: Client) -> None:
    counters = list_counters(auditor, "/console/")
    assert counters["Devices"][1] == 4
    assert counters["Enrolled this week"][1] == 3
    for label in ("Devices", "Enrolled this week", "Active tokens"):
        url, count = counters[label]
        assert count_listed(auditor, url) == count, label
    donuts = {each["title"]: each["total"] for each in auditor.get("/console/").context["donuts"]}
    assert donuts == {"Status": 4, "Platform": 4}


@pytest.fixture
def failures(world: World) -> list[ItemStatus]:
    """Two items that a device has not, and one of a device that has left."""
    _, gone = create_device("Gone", platform="ios", group=world.group)
    Enrollment.objects.filter(pk=gone.pk).update(state=EnrollmentState.REMOVED)
    add_status(gone, world.profile_item, state="failed")
    made = [add_status(world.enrollment, world.profile_item, state="failed")]
    made.append(add_status(world.enrollment, world.app_item, state="failed", identifier="b"))
    ItemStatus.objects.filter(pk=made[0].pk).update(name="Passcode", error="Not now, says Wendy.")
    add_status(world.enrollment, world.app_item, state="installed", identifier="c")
    return made


def test_failed_items_are_as_many_as_are_listed(
    world: World, failures: list[ItemStatus], auditor: Client
) -> None:
    url, count = list_counters(auditor, "/console/")["Failed items"]
    assert count == count_listed(auditor, url) == 2
    page = auditor.get(f"{url}?q=wendy").content.decode()
    assert "Not now, says Wendy." in page
    assert "1–1 of 1" in page
    assert world.device.public_id in page
    assert count_listed(auditor, f"{url}?q={world.device.serial_number}") == 2
    assert count_listed(auditor, f"{url}?q=gone") == 0
    assert 'name="kind"' not in page  # an auditor tries nothing again
    policy = auditor.get(f"/console/policies/{world.policy.public_id}").content.decode()
    link = f"{url}?item={world.app_item.public_id}"
    assert f'href="{link}"><strong>1 failed' in policy
    assert count_listed(auditor, link) == 1


def test_a_failed_item_whose_policy_is_gone_is_listed_too(
    failures: list[ItemStatus], operator: Client
) -> None:
    PolicyItem.objects.filter(statuses=failures[0]).delete()
    page = operator.get("/console/failed-items/?ordering=name").content.decode()
    assert page.index("Passcode") < page.index("Wi-Fi")
    assert 'name="kind" value="profile"' in page


@pytest.mark.usefixtures("some_gone")
def test_a_groups_numbers_are_those_of_the_lists_they_open(world: World, auditor: Client) -> None:
    """Each person who is invited has a token, which no list shows beside that it was made from."""
    assert world.group.tokens.count() == 2
    group = f"/console/groups/{world.group.public_id}"
    counters = list_counters(auditor, group)
    assert {label: count for label, (_, count) in counters.items()} == {"Devices": 4, "Tokens": 1}
    for url, count in counters.values():
        assert count_listed(auditor, url) == count
    link = f"/console/devices/?group={world.group.public_id}&status=current"
    row = unescape(auditor.get("/console/groups/").content.decode())
    assert f'href="{link}">4 devices' in row


@pytest.mark.usefixtures("some_gone")
def test_the_list_says_that_it_leaves_out_those_that_have_left(auditor: Client) -> None:
    page = auditor.get("/console/devices/?status=current").content.decode()
    tabs = " ".join(re.sub(r"<[^>]+>", " ", page[page.index('id="tabs"') :]).split())
    assert "All 6 Current 4 Managed 2" in tabs
    assert 'aria-current="true" title="All but the unenrolled ones"' in page


def test_a_policy_tells_how_many_have_each_item_when_some_are_gone(
    world: World, auditor: Client
) -> None:
    policy = Policy.objects.create(name="Radio")
    items = [
        PolicyItem.objects.create(policy=policy, kind="profile", name=name, version="1")
        for name in ("Wi-Fi", "Mail")
    ]
    url = f"/console/policies/{policy.public_id}"
    assert auditor.get(url).content.decode().count("0 of 0 installed") == 2
    enrollments = [
        create_device(f"Phone {number}", platform="ios", group=world.group)[1]
        for number in range(4)
    ]
    for enrollment, state in zip(
        enrollments, ("installed", "failed", "pending", "installed"), strict=True
    ):
        add_status(enrollment, items[0], state=state)
    Enrollment.objects.filter(pk=enrollments[3].pk).update(state=EnrollmentState.REMOVED)
    page = auditor.get(url).content.decode()
    assert "1 of 3 installed" in page
    assert "1 failed" in page
    assert "0 of 0 installed" in page


def test_a_token_counts_no_further_than_it_pays_when_many_came_by_it(
    world: World, auditor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    EnrollmentSession.objects.bulk_create(
        EnrollmentSession(
            token=world.token, expires_at=world.token.created_at, device_id=f"dev_{number // 2}"
        )
        for number in range(8)
    )
    url = f"/console/enrollment/ota/tokens/{world.token.jti}"
    attempts = world.token.sessions.count()
    page = auditor.get(url).content.decode()
    assert "<strong>4</strong>Devices" in page
    assert f"<strong>{attempts}</strong>Attempts" in page
    monkeypatch.setattr("enrollment.console.token_page.DEPTH", 3)
    monkeypatch.setattr("enrollment.console.token_page.PAGE_SIZE", 2)
    monkeypatch.setattr("organization.console.lists.DEPTH", 5)
    page = auditor.get(url).content.decode()
    assert "<strong>2+</strong>Devices" in page
    assert "<strong>5+</strong>Attempts" in page
    assert "of more than 5" in page
