"""The command line and the fleet over real sockets."""

import json
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.simulator.apns import FakeApns
from tests.simulator.cli import main
from tests.simulator.fleet import Fleet, Plan
from tests.simulator.store import load_devices

from .conftest import Holder
from .small_server import TOPIC, SmallServer, serve

PATIENCE = 120


@pytest.fixture
def server(root: Holder, registrar: Holder) -> Iterator[SmallServer]:
    with serve(root, registrar) as running:
        yield running


@pytest.fixture(autouse=True)
def keep_signals() -> Iterator[None]:
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


def wait_for(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def test_document_names_every_device_when_json(
    server: SmallServer, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"{server.host}/enroll?token=tok"
    code = main([url, "--platform", "ios,ipados,macos", "--json", "--wait-managed", "60"])
    document = json.loads(capsys.readouterr().out)
    assert code == 0
    assert [each["platform"] for each in document["devices"]] == ["ios", "ipados", "macos"]
    assert {each["outcome"] for each in document["devices"]} == {"managed"}
    assert document["totals"]["succeeded"] == 3
    assert document["totals"]["steps"]["identity"]["p50"] > 0


def test_exit_code_is_one_when_a_device_fails(
    server: SmallServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.extra_mdm = {"Topic": "com.example"}
    assert main([f"{server.host}/enroll?token=tok"]) == 1
    printed = capsys.readouterr().out
    assert "failed" in printed
    assert "Topic does not start with com.apple.mgmt." in printed


def test_devices_answer_pushes_when_they_stay(server: SmallServer, tmp_path: Path) -> None:
    with FakeApns() as apns:
        plan = Plan(
            urls=(f"{server.host}/enroll?token=tok",),
            platforms=("ios", "macos"),
            count=2,
            state_dir=tmp_path,
        )
        fleet = Fleet(plan, apns=apns)
        assert all(report.ok for report in fleet.enroll())
        watch = threading.Thread(target=fleet.stay)
        watch.start()
        server.commands.append({"RequestType": "SecurityInfo"})
        state = fleet.devices[0].state
        pair = apns.issue_push_certificate(TOPIC)
        push(apns.port, apns.ca_pem, pair.pem, state.token, state.push_magic, tmp_path)
        wait_for(lambda: fleet.devices[0].obeyed)
        fleet.stop.set()
        watch.join(PATIENCE)
    assert fleet.devices[1].obeyed == []
    assert len(load_devices(tmp_path)) == 2


def push(port: int, ca: bytes, client_pem: bytes, token: bytes, magic: str, folder: Path) -> None:
    """One push as a server sends it."""
    context = ssl.create_default_context(cadata=ca.decode())
    (folder / "push.pem").write_bytes(client_pem)
    context.load_cert_chain(folder / "push.pem")
    headers = {"apns-topic": TOPIC, "apns-push-type": "mdm", "apns-expiration": "1900000000"}
    url = f"https://127.0.0.1:{port}/3/device/{token.hex()}"
    with httpx.Client(http1=False, http2=True, verify=context) as client:
        answer = client.post(url, json={"mdm": magic}, headers=headers)
    assert answer.status_code == 200, answer.text


def test_process_resumes_and_ends_when_told(server: SmallServer, tmp_path: Path) -> None:
    url, folder = f"{server.host}/enroll?token=tok", tmp_path / "state"
    assert main([url, "--state", str(folder)]) == 0
    server.commands.append({"RequestType": "SecurityInfo"})
    command = [sys.executable, "-m", "tests.simulator", "--state", str(folder), "--stay"]
    command += ["--json", "--apns-port", "0", "--apns-ca-out", str(tmp_path / "ca.pem")]
    root_folder = Path(__file__).parents[2]
    process = subprocess.Popen(command, cwd=root_folder, stdout=subprocess.PIPE)
    try:
        wait_for(lambda: any("SecurityInfo" in each for each in server.answers))
    finally:
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert json.loads(output)["totals"]["failed"] == 0
    assert (tmp_path / "ca.pem").read_bytes().startswith(b"-----BEGIN CERTIFICATE")
