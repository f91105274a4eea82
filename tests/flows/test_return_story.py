"""Return to Service over HTTP: an erased iPhone comes back by itself, as the device it was."""

import base64
import uuid
from collections.abc import Callable

import httpx
import pytest

from tests.devices.wifi import make_wifi_profile
from tests.flows.server import make_token, wait_for
from tests.flows.test_enrollment_story import get_device, wait_managed
from tests.simulator.device import SimulatedDevice
from tests.simulator.errors import SimulationFailure

pytestmark = pytest.mark.slow

Enroll = Callable[..., SimulatedDevice]


def test_an_erased_device_is_in_its_group_again_when_it_returns_to_service(
    api: httpx.Client, enroll_device: Enroll, scep_profiles: dict[str, str]
) -> None:
    group = api.post("groups", json={"name": f"Kiosks {uuid.uuid4()}"}).raise_for_status().json()
    token = make_token(api, max_uses=1, scep_profile=scep_profiles["dynamic"])
    device = enroll_device(token["url"], platform="ipados")
    row = wait_managed(api, device)
    api.patch(f"devices/{row['id']}", json={"group": group["id"], "owner": "Front desk"})
    old, old_channel = device.certificate, device.channel()

    parameters = {
        "return_to_service": True,
        "wifi_profile": base64.b64encode(make_wifi_profile()).decode(),
    }
    command = (
        api.post(
            f"devices/{row['id']}/commands",
            json={"request_type": "EraseDevice", "parameters": parameters},
        )
        .raise_for_status()
        .json()
    )
    wait_for(
        lambda: device.is_enrolled and device.certificate not in (None, old),
        what="the return",
    )
    came_back = wait_managed(api, device)

    assert came_back["id"] == row["id"]
    assert (came_back["group"], came_back["owner"]) == (group["id"], "Front desk")
    found = api.get("devices", params={"search": device.serial}).raise_for_status().json()
    assert len(found["results"]) == 1
    history = api.get(f"devices/{row['id']}/commands", params={"ordering": "created_at"}).json()
    assert command["id"] in [each["id"] for each in history["results"]]
    with pytest.raises(SimulationFailure) as caught:
        old_channel.report({"Status": "Idle", "UDID": device.udid})
    assert caught.value.status == 403
    assert get_device(api, device)["status"] == "managed"
