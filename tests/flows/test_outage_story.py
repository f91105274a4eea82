"""R4, R5: PostgreSQL and Redis stop in the middle, workers are killed, nothing is lost.

One server of its own on both services; devices go on trying, as Apple's do.
"""

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.flows.server import Server, find_id, make_token, wait_for
from tests.flows.test_enrollment_story import Enroll, get_device, wait_managed
from tests.services import PostgreSQL, Redis, ServiceMissing
from tests.simulator.apns import FakeApns
from tests.simulator.device import SimulatedDevice
from tests.simulator.errors import SimulationFailure

pytestmark = [pytest.mark.slow, pytest.mark.services]
DEVICES = 8
PATIENCE = 15
"""Seconds that a person or a probe waits at most."""
SWEEP_SECONDS = 150
"""A sweep runs each minute; what it starts, and a loaded machine, take their time as well."""


@pytest.fixture(scope="module")
def services() -> Iterator[tuple[PostgreSQL, Redis]]:
    with tempfile.TemporaryDirectory(prefix="guardmdm-outage-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        try:
            postgresql, redis = PostgreSQL(folder / "postgresql"), Redis(folder)
        except ServiceMissing as missing:
            pytest.skip(str(missing))
        postgresql.start()
        redis.start()
        yield postgresql, redis
        with contextlib.suppress(subprocess.CalledProcessError):  # a failed test has stopped it
            postgresql.stop()
        redis.stop()


@pytest.fixture(scope="module")
def server(
    services: tuple[PostgreSQL, Redis], apns: FakeApns, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("outage")
    (folder / "apns-ca.pem").write_bytes(apns.ca_pem)
    server = Server(
        folder,
        {
            "GUARDMDM_APNS_HOST": "127.0.0.1",
            "GUARDMDM_APNS_PORT": str(apns.port),
            "GUARDMDM_APNS_CA": str(folder / "apns-ca.pem"),
            "GUARDMDM_DATABASE_URL": services[0].url,
            "GUARDMDM_BROKER_URL": services[1].url,
        },
    )
    server.manage("bootstrap", "--org", "Example Corp", "--demo")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def api(server: Server) -> Iterator[httpx.Client]:
    key = server.manage("create_api_key", "--name", "k", "--role", "administrator")["key"]
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=f"{server.base_url}/api/v1/", headers=headers, timeout=60) as api:
        yield api


def try_until_enrolled(device: SimulatedDevice, url: str, *, failures: list[Any]) -> None:
    """From the page on again after each failure, which `failures` gets."""
    end = time.monotonic() + 120
    while time.monotonic() < end and not device.is_enrolled:
        try:
            device.enroll(url)
        except SimulationFailure as failure:
            failures.append((failure.step, failure.status, failure.fail_info, failure.reason))
            time.sleep(0.3)


def start_all(action: Callable[[SimulatedDevice], None], devices: list[SimulatedDevice]) -> Any:
    threads = [threading.Thread(target=action, args=(device,)) for device in devices]
    for thread in threads:
        thread.start()
    return threads


def test_every_device_enrolls_once_when_the_database_stops_in_the_middle(
    server: Server, api: httpx.Client, services: tuple[PostgreSQL, Redis]
) -> None:
    postgresql, _ = services
    profile = find_id(api, "scep/profiles", name="Default")
    token = make_token(api, max_uses=DEVICES, scep_profile=profile)
    devices = [SimulatedDevice("ios") for _ in range(DEVICES)]
    failures: list[Any] = []
    threads = start_all(
        lambda device: try_until_enrolled(device, token["url"], failures=failures), devices
    )
    time.sleep(1)
    postgresql.stop()
    time.sleep(2)
    assert httpx.get(f"{server.base_url}/readyz", timeout=30).status_code == 503
    postgresql.start()
    for thread in threads:
        thread.join()
    assert [device.is_enrolled for device in devices] == [True] * DEVICES, failures
    # Devices come again after a 503, and after nothing else.
    assert {(status, refusal) for _, status, refusal, _ in failures} == {(503, None)}
    statuses = {get_device(api, device)["status"] for device in devices}
    assert statuses <= {"enrolled", "managed"}
    assert api.get(f"enrollment/tokens/{token['jti']}").json()["uses"] == DEVICES


def test_messages_get_503_with_retry_after_while_there_is_no_database(
    server: Server, api: httpx.Client, services: tuple[PostgreSQL, Redis]
) -> None:
    postgresql, _ = services
    device = SimulatedDevice("macos")
    device.enroll(make_token(api)["url"])
    postgresql.stop()
    try:
        with pytest.raises(SimulationFailure) as refused:
            device.connect()
        assert refused.value.status == 503
        page = httpx.get(f"{server.base_url}/enroll", params={"token": "x"}, timeout=30)
        answers = [page, httpx.get(f"{server.base_url}/console/", timeout=30)]
        for answer in answers:
            assert answer.status_code in (400, 302, 503)
            if answer.status_code == 503:
                assert int(answer.headers["Retry-After"]) > 0
    finally:
        postgresql.start()
    wait_for(lambda: _connects(device), what="the next message after the database is back")


def _connects(device: SimulatedDevice) -> bool:
    with contextlib.suppress(SimulationFailure):
        device.connect()
        return True
    return False


def test_check_in_and_commands_go_on_without_the_broker_and_pushes_follow(
    server: Server,
    api: httpx.Client,
    services: tuple[PostgreSQL, Redis],
    enroll_device: Enroll,
) -> None:
    _, redis = services
    device = enroll_device(make_token(api)["url"])
    row = wait_managed(api, device)
    redis.stop()
    try:
        asked = api.post(f"devices/{row['id']}/commands", json={"request_type": "ProfileList"})
        assert asked.status_code in (201, 202), asked.text
        other = SimulatedDevice("ios")
        other.enroll(make_token(api)["url"])
        assert get_device(api, other)["status"] in ("enrolled", "managed")
        assert httpx.get(f"{server.base_url}/readyz", timeout=30).status_code == 503
        assert api.get("devices").status_code == 200
    finally:
        redis.start()
    command = asked.json()["id"]
    wait_for(
        lambda: api.get(f"commands/{command}").json()["state"] == "acknowledged",
        seconds=SWEEP_SECONDS,
        what="the command that was queued without a broker",
    )


def test_people_and_probes_wait_for_seconds_only_when_the_broker_hangs(
    server: Server, api: httpx.Client, services: tuple[PostgreSQL, Redis]
) -> None:
    group = api.post("groups", json={"name": "Hung"}).raise_for_status().json()["id"]
    policy = api.post("policies", json={"name": "Hung", "groups": [group]}).json()["id"]
    app = {"name": "App", "app": {"itunes_store_id": 361309726}, "platforms": ["ios"]}
    with services[1].hung():
        ready = httpx.get(f"{server.base_url}/readyz", timeout=PATIENCE)
        saved = api.post(f"policies/{policy}/items", json=app, timeout=PATIENCE)
    assert (ready.status_code, saved.status_code) == (503, 201)
    assert ready.json()["broker"].startswith("unreachable")
    wait_for(
        lambda: httpx.get(f"{server.base_url}/readyz", timeout=PATIENCE).status_code == 200,
        what="the broker that answers again",
    )


def test_each_command_is_worked_once_when_the_workers_are_killed_all_the_time(
    server: Server, api: httpx.Client, enroll_device: Enroll
) -> None:
    group = api.post("groups", json={"name": "Killed"}).raise_for_status().json()["id"]
    policy = api.post("policies", json={"name": "Killed", "groups": [group]}).json()["id"]
    devices = [enroll_device(make_token(api, group=group)["url"]) for _ in range(3)]
    app = {"name": "App", "app": {"itunes_store_id": 361309726}, "platforms": ["ios"]}
    api.post(f"policies/{policy}/items", json=app).raise_for_status()
    for _ in range(6):
        for process in list_workers(server):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(1.5)
    for device in devices:
        wait_for(
            lambda each=device: count_items(api, each) == (1, 1),
            seconds=SWEEP_SECONDS,
            what="the app after the workers were killed",
        )
    for device in devices:
        seen = Counter(each.request_type for each in device.obeyed)
        assert seen["InstallApplication"] == 1, seen


def count_items(api: httpx.Client, device: SimulatedDevice) -> tuple[int, int]:
    """How many items the device should have, and how many it has."""
    told = api.get(f"devices/{get_device(api, device)['id']}/policy-status").json()
    return told["total"], told["installed"]


def list_workers(server: Server) -> list[int]:
    """The Celery workers that the server's supervisor has started, and their children."""
    assert server.process is not None
    listing = subprocess.run(
        ["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True
    ).stdout.splitlines()[1:]
    rows = [line.split(None, 2) for line in listing]
    ours = {server.process.pid}
    for _ in range(4):
        ours |= {int(pid) for pid, parent, _ in rows if int(parent) in ours}
    return [
        int(pid)
        for pid, _, words in rows
        if int(pid) in ours and "celery" in words and "worker" in words
    ]
