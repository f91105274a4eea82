"""The main story over HTTP, against a server of its own processes: token, device, policies."""

import base64
import plistlib
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from cryptography import x509

from tests import plain_http
from tests.flows.server import find_id, make_token, wait_for
from tests.simulator.device import SimulatedDevice
from tests.simulator.errors import SimulationFailure

pytestmark = pytest.mark.slow

Enroll = Callable[..., SimulatedDevice]
STEPS = {
    "profile_downloaded",
    "certificate_issued",
    "device_authenticated",
    "device_enrolled",
    "device_managed",
}


def get_device(api: httpx.Client, device: SimulatedDevice) -> dict[str, Any]:
    rows = api.get("devices", params={"search": device.udid}).raise_for_status().json()["results"]
    return rows[0] if rows else {}


def wait_managed(api: httpx.Client, device: SimulatedDevice) -> dict[str, Any]:
    wait_for(
        lambda: get_device(api, device).get("status") == "managed",
        what=f"{device.hardware.platform} managed (now {get_device(api, device)})",
    )
    return get_device(api, device)


def build_web_clip(label: str) -> bytes:
    payload = {
        "PayloadType": "com.apple.webClip.managed",
        "PayloadIdentifier": "com.example.clip.web",
        "PayloadUUID": str(uuid.uuid4()).upper(),
        "PayloadVersion": 1,
        "URL": "https://intranet.example.com/",
        "Label": label,
    }
    return plistlib.dumps(
        {
            "PayloadType": "Configuration",
            "PayloadIdentifier": f"com.example.clip.{uuid.uuid4()}",
            "PayloadUUID": str(uuid.uuid4()).upper(),
            "PayloadVersion": 1,
            "PayloadDisplayName": label,
            "PayloadContent": [payload],
        }
    )


@pytest.mark.parametrize(
    ("platform", "challenge"),
    [("ios", "dynamic"), ("ipados", "token"), ("macos", "static"), ("macos", None)],
)
def test_device_is_managed_and_the_log_complete_when_a_person_follows_the_page(
    api: httpx.Client,
    enroll_device: Enroll,
    scep_profiles: dict[str, str],
    platform: str,
    challenge: str | None,
) -> None:
    group = find_id(api, "groups", name="Engineering BYOD")
    scep_profile = scep_profiles[challenge] if challenge else None
    token = make_token(api, group=group, scep_profile=scep_profile)
    device = enroll_device(token["url"], platform=platform)
    row = wait_managed(api, device)
    items = api.get(f"devices/{row['id']}/policy-status").raise_for_status().json()
    timeline = api.get(f"devices/{row['id']}/timeline").raise_for_status().json()["results"]

    assert row["platform"] == platform
    assert row["serial_number"] == device.serial
    assert items["total"] == items["installed"] > 0
    assert {entry["code"] for entry in timeline} >= STEPS
    assert not [entry for entry in timeline if entry["level"] == "error"]
    assert device.read_session_state() == "managed"


def test_device_is_managed_and_named_in_its_certificate_when_it_was_identified_first(
    api: httpx.Client, enroll_device: Enroll
) -> None:
    body = {
        "name": f"Names {uuid.uuid4()}",
        "challenge_type": "dynamic",
        "subject": ["CN={serial}"],
    }
    profile = api.post("scep/profiles", json=body).raise_for_status().json()
    token = make_token(api, scep_profile=profile["id"], profile_service=True)
    device = enroll_device(token["url"], platform="ios")
    row = wait_managed(api, device)
    certificates = api.get("scep/certificates", params={"device": row["id"]}).json()["results"]
    session = api.get("enrollment/sessions", params={"device": row["id"]}).json()["results"][0]
    codes = {entry["code"] for entry in api.get(f"devices/{row['id']}/timeline").json()["results"]}

    # The first certificate already, so that none has to follow it.
    assert [each["subject"] for each in certificates] == [f"CN={device.serial}"]
    assert session["reported_device"]["udid"] == device.udid
    assert codes >= STEPS | {"device_identified", "profile_service_completed"}


def test_change_reaches_the_device_when_a_policy_of_its_group_changes(
    api: httpx.Client, enroll_device: Enroll
) -> None:
    group = api.post("groups", json={"name": f"Group {uuid.uuid4()}"}).raise_for_status().json()
    device = enroll_device(make_token(api, group=group["id"])["url"])
    wait_managed(api, device)
    policy = (
        api.post("policies", json={"name": f"Clip {uuid.uuid4()}", "groups": [group["id"]]})
        .raise_for_status()
        .json()
    )
    profile = base64.b64encode(build_web_clip("Intranet")).decode()
    item = (
        api.post(f"policies/{policy['id']}/items", json={"profile": profile})
        .raise_for_status()
        .json()
    )

    wait_for(lambda: _labels(device) == {"Intranet"}, what="the web clip's arrival")
    wait_managed(api, device)

    api.delete(f"policies/{policy['id']}/items/{item['id']}").raise_for_status()
    wait_for(lambda: _labels(device) == set(), what="the web clip's removal")
    wait_managed(api, device)


def _labels(device: SimulatedDevice) -> set[str]:
    return {
        payload["Label"]
        for profile in list(device.profiles.values())
        for payload in profile.plist.get("PayloadContent", [])
        if payload["PayloadType"] == "com.apple.webClip.managed"
    }


def test_device_is_unenrolled_when_its_profile_is_removed(
    api: httpx.Client, enroll_device: Enroll
) -> None:
    device = enroll_device(make_token(api)["url"])
    device.check_out()
    row = get_device(api, device)

    assert row["status"] == "unenrolled"
    assert "device_checked_out" in {
        entry["code"] for entry in api.get(f"devices/{row['id']}/timeline").json()["results"]
    }


def test_command_is_obeyed_after_a_push_when_the_device_first_says_not_now(
    api: httpx.Client, enroll_device: Enroll
) -> None:
    device = enroll_device(make_token(api)["url"])
    wait_managed(api, device)
    row = get_device(api, device)
    path = f"devices/{row['id']}/commands"
    refused = api.post(path, json={"request_type": "RestartDevice"})
    assert refused.status_code == 409
    assert "not supervised" in refused.json()["detail"]
    command = api.post(path, json={"request_type": "CertificateList"}).raise_for_status().json()

    done = wait_for(lambda: _finished(api, command["id"]), what="the answer to CertificateList")
    assert done["state"] == "acknowledged"


def _finished(api: httpx.Client, command_id: str) -> dict[str, Any] | None:
    command: dict[str, Any] = api.get(f"commands/{command_id}").raise_for_status().json()
    return command if command["completed_at"] else None


def make_group_with_clip(api: httpx.Client, label: str) -> str:
    """A group whose devices get one web clip; returns its id."""
    group = api.post("groups", json={"name": f"{label} {uuid.uuid4()}"}).raise_for_status().json()
    policy = {"name": f"{label} {uuid.uuid4()}", "groups": [group["id"]]}
    made = api.post("policies", json=policy).raise_for_status().json()
    profile = base64.b64encode(build_web_clip(label)).decode()
    item = {"profile": profile}
    api.post(f"policies/{made['id']}/items", json=item).raise_for_status()
    return str(group["id"])


def read_revocation(certificate: x509.Certificate) -> str:
    """The reason on the CA's list that the certificate itself names, "" where it is not there."""
    points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    [point] = points
    assert point.full_name
    crl = x509.load_der_x509_crl(plain_http.get(str(point.full_name[0].value)).content)
    entry = crl.get_revoked_certificate_by_serial_number(certificate.serial_number)
    if entry is None:
        return ""
    return entry.extensions.get_extension_for_class(x509.CRLReason).value.reason.name


def test_it_is_one_device_with_its_history_when_it_enrolls_again(
    api: httpx.Client, enroll_device: Enroll
) -> None:
    """First over the profile that it has, by another token; then after that was removed."""
    first, second = make_group_with_clip(api, "First"), make_group_with_clip(api, "Second")
    token, other = make_token(api, group=first, max_uses=1), make_token(api, group=second)
    device = enroll_device(token["url"])
    row = wait_managed(api, device)
    old, old_channel = device.certificate, device.channel()
    assert old is not None
    assert _labels(device) == {"First"}
    path = f"devices/{row['id']}"
    asked = {row["id"] for row in api.get(f"{path}/commands").json()["results"]}

    device.enroll(other["url"])
    wait_for(lambda: _labels(device) == {"Second"}, what="the other group's clip alone")
    again = wait_managed(api, device)
    assert (again["id"], again["group"]) == (row["id"], second)
    wait_for(lambda: read_revocation(old) == "superseded", what="the old identity on the list")

    latest = device.certificate
    assert latest is not None
    device.check_out()
    wait_for(lambda: read_revocation(latest) == "cessation_of_operation", what="the next one")
    device.enroll(other["url"])
    found = wait_managed(api, device)
    assert (found["id"], found["group"], found["warning"]) == (row["id"], second, "")
    assert device.profiles

    rows = api.get("devices", params={"search": device.serial}).raise_for_status().json()["results"]
    assert [each["id"] for each in rows] == [row["id"]]
    told = api.get(path).raise_for_status().json()["enrollments"]
    assert [each["state"] for each in told] == ["live", "checked_out", "superseded"]
    assert [each["group"] for each in told] == [second, second, first]
    tokens = [api.get(f"enrollment/tokens/{each['jti']}").json()["uses"] for each in (token, other)]
    assert tokens == [1, 1]
    entries = api.get(f"{path}/timeline").raise_for_status().json()["results"]
    assert [each["code"] for each in entries].count("device_reenrolled") == 2
    assert asked <= {each["id"] for each in api.get(f"{path}/commands").json()["results"]}
    with pytest.raises(SimulationFailure) as caught:
        old_channel.report({"Status": "Idle", "UDID": device.udid})
    assert caught.value.status == 403
    assert "different certificates" in get_device(api, device)["warning"]
