"""A user of a Mac over HTTP: logs in, is woken for commands of their own, and goes."""

from collections.abc import Callable

import httpx
import pytest

from tests.flows.server import PATIENCE, make_token, wait_for
from tests.simulator.apns import FakeApns
from tests.simulator.device import SimulatedDevice
from tests.simulator.users import MacUser

pytestmark = pytest.mark.slow


def test_a_users_command_wakes_the_user_and_is_answered_by_them(
    api: httpx.Client, apns: FakeApns, enroll_device: Callable[..., SimulatedDevice]
) -> None:
    device = enroll_device(make_token(api)["url"], platform="macos")

    def register(user: MacUser) -> None:
        apns.register(user.token, user.push_magic, device.topic, user.wake.set)

    device.on_user = register
    anna = device.log_in("anna", network=True)
    assert anna.is_managed
    assert device.fetch_bootstrap_token() == device.state.bootstrap_token is not None

    [found] = api.get("devices", params={"search": device.udid}).json()["results"]
    row = api.get(f"devices/{found['id']}").json()
    [user] = row["users"]
    assert (user["user_id"], user["short_name"]) == (anna.user_id, "anna")
    body = {"request_type": "ProfileList", "user": user["id"]}
    command = api.post(f"devices/{row['id']}/commands", json=body).raise_for_status().json()

    assert anna.wake.wait(PATIENCE), "the user was not woken"
    [obeyed] = anna.connect()
    assert obeyed.uuid == command["uuid"]
    told = wait_for(
        lambda: api.get(f"commands/{command['id']}").json()["completed_at"], what="the answer"
    )
    assert told
    anna.remove()
    assert api.get(f"devices/{row['id']}").json()["users"] == []
    assert device.is_enrolled
