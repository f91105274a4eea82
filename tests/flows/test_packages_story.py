"""Apps of one's own over HTTP: uploaded by a program, fetched by devices chunk by chunk."""

import os
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.flows.server import make_token, wait_for
from tests.flows.test_enrollment_story import get_device, wait_managed
from tests.policies.packages import make_ipa, make_pkg
from tests.simulator.device import SimulatedDevice

pytestmark = pytest.mark.slow

Enroll = Callable[..., SimulatedDevice]
# More than one chunk of a manifest, and than the simulator takes before its network breaks off.
LARGE = os.urandom(11_000_000)
EXPENSES, TOOLS = "com.example.expenses", "com.example.tools.app"


def upload(api: httpx.Client, data: bytes, *, name: str) -> dict[str, Any]:
    answer = api.post(
        "packages",
        params={"file_name": name},
        content=data,
        headers={"Content-Type": "application/octet-stream"},
    )
    made: dict[str, Any] = answer.raise_for_status().json()
    return made


def add_app(api: httpx.Client, policy: str, **app: Any) -> str:
    made = api.post(f"policies/{policy}/items", json={"app": app})
    return str(made.raise_for_status().json()["id"])


def test_devices_have_their_packages_when_a_policy_says_so(
    api: httpx.Client, enroll_device: Enroll
) -> None:
    group = api.post("groups", json={"name": f"Crew {uuid.uuid4()}"}).raise_for_status().json()
    policy = (
        api.post("policies", json={"name": f"Apps {uuid.uuid4()}", "groups": [group["id"]]})
        .raise_for_status()
        .json()["id"]
    )
    ipa = upload(api, make_ipa(payload=LARGE), name="Expenses.ipa")
    pkg = upload(api, make_pkg(payload=LARGE, packed=False), name="tools.pkg")
    expenses = add_app(
        api, policy, package=ipa["id"], configuration={"server": "https://a.example.com"}
    )
    tools = add_app(api, policy, package=pkg["id"])
    token = make_token(api, group=group["id"])
    phone = enroll_device(token["url"])
    mac = enroll_device(token["url"], platform="macos")
    row = wait_managed(api, phone)
    wait_managed(api, mac)

    assert phone.applications[EXPENSES].version == "2.1"
    assert phone.applications[EXPENSES].configuration == {"server": "https://a.example.com"}
    assert mac.state.packages == {TOOLS: "3.0"}

    changed = {"configuration": {"server": "https://b.example.com"}}
    api.put(f"policies/{policy}/items/{expenses}", json=changed).raise_for_status()
    newer = upload(api, make_pkg(version="3.1", payload=LARGE, packed=False), name="tools.pkg")
    api.put(f"policies/{policy}/items/{tools}", json={"package": newer["id"]}).raise_for_status()
    wait_for(
        lambda: (
            phone.applications[EXPENSES].configuration == changed["configuration"]
            and mac.state.packages == {TOOLS: "3.1"}
        ),
        what="the changes' arrival",
    )
    wait_managed(api, phone)
    wait_managed(api, mac)

    phone.applications[EXPENSES].feedback = {"receipts": 3}
    asked = {
        "request_type": "ManagedApplicationFeedback",
        "parameters": {"identifiers": [EXPENSES]},
    }
    command = api.post(f"devices/{row['id']}/commands", json=asked).raise_for_status().json()
    done = wait_for(lambda: _find_result(api, command["id"]), what="the feedback's arrival")
    assert done["ManagedApplicationFeedback"] == [
        {"Identifier": EXPENSES, "Feedback": {"receipts": 3}}
    ]
    assert get_device(api, phone)["status"] == "managed"


def _find_result(api: httpx.Client, command_id: str) -> dict[str, Any]:
    result: dict[str, Any] = api.get(f"commands/{command_id}").raise_for_status().json()["result"]
    return result
