"""A hall with a kiosk: devices enroll one after the other with the codes on its screen."""

import re
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from tests.flows.server import ROOT, Server, make_token, wait_for
from tests.simulator.device import SimulatedDevice
from tests.simulator.errors import SimulationFailure

pytestmark = pytest.mark.slow
START = """
from django.utils import timezone
from enrollment.models import EnrollmentToken
from enrollment.services.kiosks import start_kiosk
token = EnrollmentToken.objects.get(jti="{jti}")
kiosk, key = start_kiosk(token, language="en", actor="story", now=timezone.now())
print("KIOSK", kiosk.public_id, key)
"""


@pytest.fixture
def token(api: httpx.Client) -> dict[str, str]:
    return make_token(api, max_uses=2)


@pytest.fixture
def screen(server: Server, token: dict[str, str]) -> Iterator[httpx.Client]:
    """The browser that shows the kiosk, with nothing but its key."""
    words = [sys.executable, "manage.py", "shell", "-c", START.format(jti=token["jti"])]
    said = subprocess.run(
        words, cwd=ROOT, env=server.settings, capture_output=True, text=True, check=True
    ).stdout
    _, kiosk_id, key = next(line for line in said.splitlines() if "KIOSK" in line).split()
    url = f"{server.base_url}/enroll/kiosk"
    with httpx.Client(base_url=url, cookies={"kiosk": key}, timeout=30) as client:
        assert client.get(f"/{kiosk_id}").status_code == 200
        client.headers["X-Kiosk"] = kiosk_id
        yield client


def poll(screen: httpx.Client) -> str:
    return screen.post(f"/{screen.headers['X-Kiosk']}/code").raise_for_status().text


def get_link(text: str) -> str:
    found = re.search(r"http://[\w.:-]+/e/\w+", text)
    assert found is not None, text
    return found[0]


def test_each_device_gets_a_code_until_the_token_is_used_up(
    api: httpx.Client, screen: httpx.Client, token: dict[str, str]
) -> None:
    first = get_link(poll(screen))
    SimulatedDevice("ios").enroll(first)
    wait_for(lambda: "iPhone: enrolled" in poll(screen), what="the news on the screen")
    second = get_link(poll(screen))
    assert second != first
    with pytest.raises(SimulationFailure):
        SimulatedDevice("ios").enroll(first)
    SimulatedDevice("macos").enroll(second)
    wait_for(lambda: "/e/" not in poll(screen), what="the end of the codes")
    row = api.get(f"enrollment/tokens/{token['jti']}").raise_for_status().json()
    assert (row["uses"], row["state"]) == (2, "exhausted")
