"""What tests and benchmarks start ends with them."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.services import wait_for_port

SECONDS = 20
RUN_SERVICES = """
import json, sys
from tests.services import ServiceMissing, run_services
try:
    with run_services() as environ:
        print(json.dumps(list(environ.values())), flush=True)
        sys.stdin.read()
except ServiceMissing:
    sys.exit(77)
"""
MISSING = 77


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where others may go too: as root, PostgreSQL runs as a user of its own."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def wait_until_free(port: int) -> None:
    """Return when nothing listens on the port any more."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            wait_for_port(port, seconds=0.1)
        except TimeoutError:
            return
    raise AssertionError(f"something still listens on port {port}")


def end_orderly(process: "subprocess.Popen[str]") -> None:
    process.communicate()


def kill(process: "subprocess.Popen[str]") -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize("end", [end_orderly, kill])
def test_services_end_when_their_process_does(
    end: Callable[["subprocess.Popen[str]"], None], folder: Path
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", RUN_SERVICES],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(folder)},
        text=True,
    )
    assert process.stdout is not None
    told = process.stdout.readline()
    if not told and process.wait() == MISSING:
        pytest.skip("PostgreSQL or Redis is not installed")
    ports = [urlsplit(url).port or 0 for url in json.loads(told)]
    for port in ports:
        wait_for_port(port)
    end(process)
    for port in ports:
        wait_until_free(port)
    deadline = time.monotonic() + SECONDS
    while any(folder.glob("*/postgresql")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(folder.glob("*/postgresql"))
