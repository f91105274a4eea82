"""Lists: pages by cursor, order, search, filters; the same number of queries for any length."""

import base64
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from devices.models import Device, Group
from devices.services.bulk_commands import request_bulk
from devices.services.escrow import keep_secret
from enrollment.models import LogEntry
from organization.services.api_keys import create_api_key
from policies.services.items import add_app_item
from policies.services.policies import create_policy
from scep.models import (
    CertificateAuthority,
    RevocationList,
    ScepProfile,
    ServiceCertificate,
)
from scep.services.profiles import create_scep_profile
from tests.devices.inventory import add_certificate as add_device_certificate
from tests.devices.inventory import install
from tests.policies.packages import make_ipa
from tests.policies.uploads import upload_package
from tests.rest.conftest import (
    FAR,
    Program,
    Sample,
    add_certificate,
    add_command,
    add_device,
    add_held_request,
    add_invitation,
    add_session,
    add_token,
)
from tests.rest.operations import LISTS, build_path
from webhooks.models import Webhook
from webhooks.services.webhooks import send_test

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_sample")]


def _walk(program: Program, path: str, link: str = "next", **parameters: Any) -> list[Any]:
    """Return the rows of every page, following `link` from the first one."""
    answer = program.get(path, **parameters).json()
    rows: list[Any] = answer["results"]
    while answer[link]:
        answer = program.client.get(answer[link], headers=program.headers).json()
        rows += answer["results"]
    return rows


@pytest.fixture
def devices(bootstrapped: None) -> list[Device]:
    Device.objects.all().delete()  # that of the sample
    names = ["Anna", "Bert", "anna", "", "Zoe", "", "Émile", "Bert", "", "Kim"]
    return [add_device(number, name=name) for number, name in enumerate(names)]


@pytest.mark.parametrize("size", [1, 3, 5, 10, 200])
@pytest.mark.parametrize(
    "ordering", ["created_at", "-created_at", "name", "-name", "last_seen_at", "-last_seen_at"]
)
def test_every_row_comes_once_when_pages_are_followed(
    ordering: str, size: int, devices: list[Device], auditor: Program
) -> None:
    for device in devices[::3]:
        Device.objects.filter(pk=device.pk).update(last_seen_at=FAR)
    whole = auditor.list("devices", ordering=ordering)
    rows = _walk(auditor, "devices", ordering=ordering, page_size=size)
    assert [row["id"] for row in rows] == [row["id"] for row in whole]
    assert {row["id"] for row in rows} == {device.public_id for device in devices}
    seen = [row["last_seen_at"] is None for row in rows]
    if "last_seen" in ordering:
        assert seen == sorted(seen), "rows without a value come last in both directions"


@pytest.mark.parametrize("ordering", ["created_at", "-name", "last_seen_at", "-last_seen_at"])
def test_pages_are_the_same_when_followed_backwards(
    ordering: str, devices: list[Device], auditor: Program
) -> None:
    for device in devices[::3]:
        Device.objects.filter(pk=device.pk).update(last_seen_at=FAR)
    pages, answer = [], auditor.get("devices", ordering=ordering, page_size=4).json()
    while answer["next"]:
        pages.append(answer["results"])
        answer = auditor.client.get(answer["next"], headers=auditor.headers).json()
    while answer["previous"]:
        answer = auditor.client.get(answer["previous"], headers=auditor.headers).json()
        assert answer["results"] == pages.pop()
    assert pages == []


def test_no_row_is_skipped_when_rows_vanish_between_pages(
    devices: list[Device], auditor: Program
) -> None:
    first = auditor.get("devices", page_size=4, ordering="created_at").json()
    Device.objects.filter(public_id__in=[row["id"] for row in first["results"]]).delete()
    rows = auditor.client.get(first["next"], headers=auditor.headers).json()["results"]
    assert [row["id"] for row in rows] == [device.public_id for device in devices[4:8]]


@pytest.mark.parametrize(
    ("asked", "origin"),
    [
        ({"Host": "mdm.example.com"}, "https://mdm.example.com:8443"),
        ({"Host": "mdm.example.com:8443"}, "https://mdm.example.com:8443"),
        ({"Host": "localhost:8000"}, "http://localhost:8000"),
        ({"Host": "api.example", "X-Forwarded-Proto": "https"}, "https://api.example"),
        ({"Host": "api.example", "X-Forwarded-Proto": "ftp"}, "http://api.example"),
    ],
)
def test_links_lead_to_the_address_that_was_asked_when_a_proxy_stands_in_front(
    asked: dict[str, str], origin: str, devices: list[Device], auditor: Program, settings: Any
) -> None:
    """The key must not be sent in clear."""
    settings.BASE_URL, settings.TRUSTED_PROXIES = "https://mdm.example.com:8443", ["127.0.0.1"]
    settings.ALLOWED_HOSTS = ["*"]
    headers = auditor.headers | asked
    answer = auditor.client.get("/api/v1/devices?page_size=1", headers=headers).json()
    assert answer["next"].startswith(f"{origin}/api/v1/devices?")


def test_newest_row_is_first_when_no_order_is_asked_for(
    devices: list[Device], auditor: Program
) -> None:
    assert auditor.list("devices")[0]["id"] == devices[-1].public_id


def test_cursor_tells_nothing_when_decoded(devices: list[Device], auditor: Program) -> None:
    answer = auditor.get("devices", page_size=1, ordering="name").json()
    cursor = answer["next"].partition("cursor=")[2].partition("&")[0].replace("%3D", "=")
    sealed = base64.urlsafe_b64decode(cursor)
    assert devices[0].name.encode() not in sealed
    assert b"[" not in sealed[:1]


@pytest.mark.parametrize("cursor", ["x", "bm8=", "%00", "é", "A" * 5000, "[1,2]", "=", "Li4v"])
def test_cursor_is_refused_when_made_up(cursor: str, auditor: Program) -> None:
    answer = auditor.get("devices", cursor=cursor)
    assert answer.status_code == 400
    assert set(answer.json()["errors"]) == {"cursor"}


def test_cursor_is_refused_when_it_belongs_to_another_list_or_order(
    devices: list[Device], auditor: Program
) -> None:
    add_device(90)
    cursor = auditor.get("devices", page_size=1).json()["next"].partition("cursor=")[2]
    cursor = cursor.partition("&")[0].replace("%3D", "=")
    assert auditor.get("devices", cursor=cursor, page_size=1).status_code == 200
    assert auditor.get("commands", cursor=cursor).status_code == 400
    assert auditor.get("devices", cursor=cursor, ordering="name").status_code == 400


NOT_UNDERSTOOD = [
    ("page_size", "0"),
    ("page_size", "-1"),
    ("page_size", "two"),
    ("page_size", "²"),
    ("page_size", "9" * 400),
    ("ordering", "pk"),
    ("ordering", "--name"),
    ("ordering", "enrollment__device"),
    ("colour", "red"),
    ("status__contains", "x"),
]


@pytest.mark.parametrize("template", LISTS)
def test_parameter_is_refused_when_not_understood(
    template: str, administrator: Program, sample: Sample
) -> None:
    for parameter, value in NOT_UNDERSTOOD:
        answer = administrator.get(build_path(template, sample), **{parameter: value})
        assert answer.status_code == 400, answer.content
        assert set(answer.json()["errors"]) == {parameter}


def test_page_has_at_most_200_rows_when_more_are_asked_for(auditor: Program) -> None:
    for number in range(201):
        add_device(100 + number)
    answer = auditor.get("devices", page_size=1000).json()
    assert len(answer["results"]) == 200
    assert answer["next"]


def _fill_devices(number: int, sample: Sample) -> None:
    add_device(100 + number, group=Group.objects.create(name=f"Group of {number}"))


def _fill_groups(number: int, sample: Sample) -> None:
    group = Group.objects.create(name=f"Group {number}")
    create_policy(f"Policy of {number}", groups=[group], actor="tests")


def _fill_policies(number: int, sample: Sample) -> None:
    policy = create_policy(f"Policy {number}", groups=[sample.group], actor="tests")
    for store_id in (1, 2):
        add_app_item(policy, name="App", itunes_store_id=store_id, actor="tests")


def _fill_profiles(number: int, sample: Sample) -> None:
    create_scep_profile(name=f"Profile {number}", challenge_type="dynamic", actor="tests")


def _fill_tokens(number: int, sample: Sample) -> None:
    group = Group.objects.create(name=f"Group of token {number}")
    add_token(group, scep_profile=sample.scep_profile)


def _fill_log(number: int, sample: Sample) -> None:
    LogEntry.objects.create(
        level="info",
        code="device_enrolled",
        message="hello",
        token=add_token(sample.group),
        device_id=sample.device.public_id,
    )


def _fill_authorities(number: int, sample: Sample) -> None:
    row = CertificateAuthority.objects.create(
        role="issuing",
        state="retired",
        name=f"CA {number}",
        parent=sample.authority.parent,
        certificate=b"",
        fingerprint=f"{number:064}",
        not_after=FAR,
    )
    RevocationList.objects.create(authority=row, number=number)


def _fill_services(number: int, sample: Sample) -> None:
    ServiceCertificate.objects.create(
        purpose="scep_ra",
        issuer=sample.authority,
        certificate=b"",
        fingerprint=f"{number:064}",
        serial=f"{number:x}",
        not_after=FAR,
    )


def _fill_apps(number: int, sample: Sample) -> None:
    install(sample.device, *[f"com.example.app{n}" for n in range(number + 1)])


FILL: dict[str, Callable[[int, Sample], Any]] = {
    "api-keys": lambda number, _: create_api_key(f"{number}", role="auditor", actor="tests"),
    "commands": lambda _, sample: add_command(sample.enrollment),
    "devices": _fill_devices,
    "devices/{device}/commands": lambda _, sample: add_command(sample.enrollment),
    "devices/{device}/apps": _fill_apps,
    "devices/{device}/certificates": lambda number, sample: add_device_certificate(
        sample.device, number
    ),
    "devices/{device}/timeline": _fill_log,
    "enrollment/log": _fill_log,
    "enrollment/sessions": lambda _, sample: add_session(add_token(sample.group)),
    "enrollment/tokens": _fill_tokens,
    "enrollment/tokens/{token}/invitations": lambda number, sample: add_invitation(
        sample.token, email=f"p{number}@example.com"
    ),
    "groups": _fill_groups,
    "packages": lambda number, _: upload_package(make_ipa(CFBundleVersion=f"{number}.1")),
    "policies": _fill_policies,
    "scep/certificates": lambda _, sample: add_certificate(
        ScepProfile.objects.get(pk=sample.scep_profile.pk)
    ),
    "scep/profiles": _fill_profiles,
    "scep/requests": lambda _, sample: add_held_request(sample.scep_profile),
    "bulk-commands": lambda number, sample: request_bulk(
        [number], name="ProfileList", parameters={}, actor="tests"
    ),
    "devices/{device}/secrets": lambda number, sample: keep_secret(
        sample.enrollment, kind="bypass_code", value=f"CODE{number}"
    ),
    "scep/authorities": _fill_authorities,
    "scep/service-certificates": _fill_services,
    "webhooks": lambda number, _: Webhook.objects.create(
        name=f"{number}", url="https://help.example.com/", secret=b"x"
    ),
    "webhooks/{webhook}/deliveries": lambda _, sample: send_test(sample.webhook, actor="tests"),
}


@pytest.mark.parametrize("template", LISTS)
def test_number_of_queries_is_the_same_when_the_list_is_ten_times_longer(
    template: str, administrator: Program, sample: Sample
) -> None:
    path, counts = build_path(template, sample), []
    administrator.list(path)  # notes the key's use, once a minute
    for upto in (range(3), range(3, 30)):
        for number in upto:
            FILL[template](number, sample)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            rows = administrator.list(path)
        counts.append(len(queries))
    assert len(rows) >= 30
    assert counts[0] == counts[1] <= 8, [query["sql"][:90] for query in queries]


@pytest.mark.parametrize(
    ("path", "parameters", "expected"),
    [
        ("devices", {"status": "enrolled"}, True),
        ("devices", {"status": "managed"}, False),
        ("devices", {"status": ["managed", "enrolled"]}, True),
        ("devices", {"platform": "ios"}, True),
        ("devices", {"platform": "macos"}, False),
        ("devices", {"group": "{group}"}, True),
        ("devices", {"group": "grp_none"}, False),
        ("devices", {"search": "serial0001"}, True),
        ("devices", {"search": "SERIAL0001 Device"}, True),
        ("devices", {"search": "SERIAL0001 nothing"}, False),
        ("devices", {"search": "100%"}, False),
        ("devices", {"seen_before": "2020-01-01T00:00:00Z"}, False),
        ("commands", {"state": "queued", "request_type": "ProfileList"}, True),
        ("commands", {"state": "acknowledged"}, False),
        ("commands", {"device": "{device}"}, True),
        ("enrollment/log", {"level": "error", "code": "token_expired"}, True),
        ("enrollment/log", {"level": "info", "token": "{token}"}, False),
        ("enrollment/log", {"session": "{session}"}, True),
        ("enrollment/log", {"token": "{token}"}, True),
        ("enrollment/log", {"created_before": "2020-01-01T00:00:00Z"}, False),
        ("enrollment/sessions", {"token": "{token}", "state": "waiting"}, True),
        ("enrollment/sessions", {"device": "{device}"}, True),
        ("enrollment/tokens", {"state": "active", "group": "{group}"}, True),
        ("enrollment/tokens", {"state": "revoked"}, False),
        ("enrollment/tokens", {"scep_profile": "{scep_profile}"}, True),
        ("policies", {"group": "{group}"}, True),
        ("policies", {"group": "grp_none"}, False),
        ("groups", {"search": "sal"}, True),
        ("scep/certificates", {"status": "issued", "session": "{session}"}, True),
        ("scep/certificates", {"status": "revoked"}, False),
        ("scep/certificates", {"device": "dev_none"}, False),
        ("scep/certificates", {"issuer": "ca_none"}, False),
        ("scep/certificates", {"search": "cn=dev"}, True),
        ("scep/certificates", {"search": "CN=Device nothing"}, False),
        ("scep/certificates", {"search": "{certificate}"}, True),
        ("scep/certificates", {"search": "{session}"}, True),
        ("scep/requests", {"state": "pending", "session": "{session}"}, True),
        ("scep/requests", {"state": "approved"}, False),
        ("scep/requests", {"search": "device"}, True),
        ("scep/authorities", {"state": "next", "role": "issuing"}, True),
        ("scep/authorities", {"role": "external"}, False),
        ("scep/service-certificates", {"purpose": "scep_ra", "is_active": "true"}, True),
        ("scep/service-certificates", {"purpose": "scep_ra", "is_active": "false"}, False),
        ("scep/profiles", {"server_type": "external"}, False),
        ("scep/profiles", {"challenge_type": "dynamic"}, True),
        ("scep/profiles", {"challenge_type": "static"}, False),
    ],
)
def test_list_is_narrowed_when_filtered(
    path: str, parameters: dict[str, Any], expected: bool, auditor: Program, sample: Sample
) -> None:
    filled = {
        name: build_path(value, sample) if isinstance(value, str) else value
        for name, value in parameters.items()
    }
    assert bool(auditor.list(path, **filled)) is expected


def test_timeline_holds_the_sessions_entries_when_they_came_before_the_device(
    auditor: Program, sample: Sample
) -> None:
    other = add_device(2)
    LogEntry.objects.create(level="info", code="device_enrolled", device_id=other.public_id)
    rows = auditor.list(f"devices/{sample.device.public_id}/timeline")
    assert [row["id"] for row in rows] == [sample.entry.public_id]
    assert rows[0]["resolution"] == "Generate a new token."
    assert rows[0]["cause"]
