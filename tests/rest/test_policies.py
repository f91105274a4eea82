"""Groups, policies and their items by program, and how a device stands to them."""

import base64
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from devices.models import Group
from policies.models import ItemState, ItemStatus, Policy, PolicyItem
from tests.rest.conftest import Program, Sample, build_mobileconfig

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_sample")]

ASPEN = "application/x-apple-aspen-config"


def test_group_is_made_changed_and_deleted_when_asked(operator: Program) -> None:
    row = operator.post("groups", {"name": "Field"}).json()
    assert row == {**row, "name": "Field", "description": "", "policies": [], "devices": 0}
    changed = operator.patch(f"groups/{row['id']}", {"description": "Out there"}).json()
    assert (changed["name"], changed["description"]) == ("Field", "Out there")
    assert operator.delete(f"groups/{row['id']}").status_code == 204
    assert operator.get(f"groups/{row['id']}").status_code == 404


def test_group_names_policies_and_counts_devices_when_read(
    auditor: Program, sample: Sample
) -> None:
    row = auditor.get(f"groups/{sample.group.public_id}").json()
    assert row["policies"] == [sample.policy.public_id]
    assert row["devices"] == 1


def test_group_is_kept_when_devices_refer_to_it(operator: Program, sample: Sample) -> None:
    answer = operator.delete(f"groups/{sample.group.public_id}")
    assert (answer.status_code, answer.json()["code"]) == (409, "group_in_use")
    assert Group.objects.filter(pk=sample.group.pk).exists()


def test_group_name_is_refused_when_taken(operator: Program, sample: Sample) -> None:
    other = operator.post("groups", {"name": "Other"}).json()
    for answer in (
        operator.post("groups", {"name": sample.group.name}),
        operator.patch(f"groups/{other['id']}", {"name": sample.group.name}),
    ):
        assert answer.status_code == 400
        assert set(answer.json()["errors"]) == {"name"}
        assert "UNIQUE" not in answer.content.decode()


def test_policy_is_made_changed_and_deleted_when_asked(operator: Program, sample: Sample) -> None:
    body = {"name": "Security", "groups": [sample.group.public_id]}
    row = operator.post("policies", body).json()
    assert (row["groups"], row["items"]) == ([sample.group.public_id], [])
    path = f"policies/{row['id']}"
    assert operator.patch(path, {"description": "All"}).json()["groups"] == row["groups"]
    assert operator.patch(path, {"groups": []}).json()["groups"] == []
    assert Policy.objects.get(public_id=row["id"]).description == "All"
    assert operator.delete(path).status_code == 204
    assert operator.get(path).status_code == 404


def test_policy_is_refused_when_a_group_does_not_exist_or_there_are_too_many(
    operator: Program, sample: Sample, django_assert_max_num_queries: Any
) -> None:
    for groups in ([sample.group.public_id, "grp_none"], ["grp_none"] * 5000, "grp_none"):
        with django_assert_max_num_queries(4):
            answer = operator.post("policies", {"name": "x", "groups": groups})
        assert answer.status_code == 400
        assert set(answer.json()["errors"]) == {"groups"}


def test_policy_name_is_refused_when_taken(operator: Program, sample: Sample) -> None:
    answer = operator.post("policies", {"name": sample.policy.name})
    assert answer.status_code == 400
    assert set(answer.json()["errors"]) == {"name"}


def _send_profile(program: Program, sample: Sample, way: str, data: bytes) -> Any:
    path = f"policies/{sample.policy.public_id}/items"
    if way == "base64":
        return program.post(path, {"profile": base64.b64encode(data).decode()})
    if way == "body":
        return program.send("POST", path, data=data, content_type=ASPEN)
    file = SimpleUploadedFile("wifi.mobileconfig", data, content_type=ASPEN)
    return program.client.post(f"/api/v1/{path}", {"profile": file}, headers=program.headers)


@pytest.mark.parametrize("way", ["base64", "body", "form"])
def test_profile_becomes_an_item_when_uploaded(way: str, operator: Program, sample: Sample) -> None:
    answer = _send_profile(operator, sample, way, build_mobileconfig("Guest Wi-Fi"))
    assert answer.status_code == 201, answer.content
    row = answer.json()
    assert (row["kind"], row["name"]) == ("profile", "Guest Wi-Fi")
    assert row["payload_types"] == ["com.apple.wifi.managed"]
    listed = operator.get(f"policies/{sample.policy.public_id}").json()["items"]
    assert row["id"] in [item["id"] for item in listed]


@pytest.mark.parametrize("way", ["base64", "body", "form"])
@pytest.mark.parametrize("data", [b"x", b"<plist/>", b"bplist00", b"\0" * 100])
def test_file_is_refused_when_it_is_no_profile(
    data: bytes, way: str, operator: Program, sample: Sample
) -> None:
    answer = _send_profile(operator, sample, way, data)
    assert (answer.status_code, answer.json()["code"]) == (400, "profile_invalid")
    assert sample.policy.items.count() == 1


def test_form_names_item_and_platforms_when_it_says_so(operator: Program, sample: Sample) -> None:
    file = SimpleUploadedFile("w.mobileconfig", build_mobileconfig(), content_type=ASPEN)
    form = {"profile": file, "name": "Renamed", "platforms": ["macos", "ios"]}
    answer = operator.client.post(
        f"/api/v1/policies/{sample.policy.public_id}/items", form, headers=operator.headers
    )
    assert answer.status_code == 201, answer.content
    assert answer.json()["name"] == "Renamed"
    assert sorted(answer.json()["platforms"]) == ["ios", "macos"]


def test_app_becomes_an_item_when_posted(operator: Program, sample: Sample) -> None:
    body = {"name": "Notes", "app": {"itunes_store_id": 1110145109}, "platforms": ["ios"]}
    row = operator.post(f"policies/{sample.policy.public_id}/items", body).json()
    assert (row["kind"], row["itunes_store_id"]) == ("app", 1110145109)
    assert row["platforms"] == ["ios"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "x"},
        {"name": "x", "app": {}},
        {"name": "x", "app": {"manifest_url": "http://example.com/m.plist"}},
        {"name": "x", "app": {"itunes_store_id": 1, "manifest_url": "https://example.com/m"}},
        {"name": "x", "app": {"itunes_store_id": 1}, "profile": "eA=="},
        {"app": {"itunes_store_id": 1}},
        {"name": "x", "app": {"itunes_store_id": 1}, "platforms": ["windows"]},
        {"profile": "not base64!"},
    ],
)
def test_item_is_refused_when_incomplete_or_contradictory(
    body: Any, operator: Program, sample: Sample
) -> None:
    answer = operator.post(f"policies/{sample.policy.public_id}/items", body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_the_media_types_are_told_when_a_form_replaces_a_profile(
    operator: Program, sample: Sample
) -> None:
    path = f"policies/{sample.policy.public_id}/items/{sample.item.public_id}"
    body = {"data": b"--x--", "content_type": "multipart/form-data; boundary=x"}
    answer = operator.send("PUT", path, **body)
    assert answer.status_code == 415
    assert f"application/json or {ASPEN}." in answer.json()["detail"]


def test_a_row_that_is_not_there_is_named_as_it_was_asked_for(
    operator: Program, sample: Sample
) -> None:
    body = {"name": "x", "app": {"package": "pkg_nope"}}
    answer = operator.post(f"policies/{sample.policy.public_id}/items", body)
    assert answer.json()["errors"] == {"app.package": ["There is no pkg_nope."]}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "x", "app": {"manifest_url": "http://example.com/m"}}, "app.manifest_url"),
        ({"name": "x", "app": {"itunes_store_id": 1, "bundle_id": "a b"}}, "app.bundle_id"),
        ({"app": {"itunes_store_id": 1}}, "name"),
    ],
)
def test_a_field_is_named_by_its_place_in_the_body_when_refused(
    body: Any, field: str, operator: Program, sample: Sample
) -> None:
    answer = operator.post(f"policies/{sample.policy.public_id}/items", body)
    assert set(answer.json()["errors"]) == {field}


def test_profile_keeps_its_identity_when_replaced(operator: Program, sample: Sample) -> None:
    path = f"policies/{sample.policy.public_id}/items/{sample.item.public_id}"
    data = build_mobileconfig(SSID_STR="Another")
    answer = operator.send("PUT", path, {"profile": base64.b64encode(data).decode()})
    assert answer.status_code == 200, answer.content
    row = answer.json()
    assert row["id"] == sample.item.public_id
    assert row["profile_identifier"] == sample.item.profile_identifier
    assert row["version"] != sample.item.version
    again = operator.send("PUT", path, data=data, content_type=ASPEN)
    assert again.json()["version"] == row["version"]


def test_item_is_gone_when_deleted(operator: Program, sample: Sample) -> None:
    path = f"policies/{sample.policy.public_id}/items/{sample.item.public_id}"
    assert operator.delete(path).status_code == 204
    assert not PolicyItem.objects.filter(pk=sample.item.pk).exists()
    assert operator.delete(path).status_code == 404


def test_item_is_not_found_when_asked_for_below_another_policy(
    operator: Program, sample: Sample
) -> None:
    other = operator.post("policies", {"name": "Other"}).json()
    answer = operator.delete(f"policies/{other['id']}/items/{sample.item.public_id}")
    assert answer.status_code == 404
    assert PolicyItem.objects.filter(pk=sample.item.pk).exists()


def test_no_answer_holds_a_profiles_secret_when_read(auditor: Program, sample: Sample) -> None:
    for path in ("policies", f"policies/{sample.policy.public_id}"):
        assert "SSID_STR" not in auditor.get(path).content.decode()


def add_failure(sample: Sample) -> ItemStatus:
    return ItemStatus.objects.create(
        enrollment=sample.enrollment,
        item=sample.item,
        kind=sample.item.kind,
        name=sample.item.name,
        identifier=sample.item.identifier,
        version=sample.item.version,
        state=ItemState.FAILED,
        error="The network is unknown.",
        attempts=4,
    )


def test_progress_says_what_is_installed_failed_and_pending(
    operator: Program, sample: Sample
) -> None:
    path = f"devices/{sample.device.public_id}/policy-status"
    waiting = operator.get(path).json()
    assert (waiting["pending"], waiting["total"]) == (1, 1)
    add_failure(sample)
    failed = operator.get(path).json()
    assert (failed["failed"], failed["pending"]) == (1, 0)
    policy = failed["policies"][0]
    assert (policy["id"], policy["name"]) == (sample.policy.public_id, "Basics")
    assert policy["items"][0]["id"] == sample.item.public_id
    assert policy["items"][0]["error"] == "The network is unknown."


def test_an_item_is_tried_again_when_it_has_failed(operator: Program, sample: Sample) -> None:
    path, status = f"devices/{sample.device.public_id}/policy-status", add_failure(sample)
    (failed,) = operator.get(path).json()["policies"][0]["items"]
    wanted = {"kind": failed["kind"], "identifier": failed["identifier"]}
    assert operator.post(f"{path}/retry", wanted).status_code == 202
    status.refresh_from_db()
    assert (status.state, status.attempts, status.error) == (ItemState.PENDING, 0, "")
    status.state = ItemState.INSTALLED
    status.save()
    for body in (wanted, wanted | {"identifier": "com.example.other"}):
        refused = operator.post(f"{path}/retry", body)
        assert (refused.status_code, refused.json()["code"]) == (409, "nothing_to_retry")
    assert operator.post(f"{path}/retry", {"kind": "wish"}).status_code == 400
    assert operator.post("devices/dev_none/policy-status/retry", wanted).status_code == 404
