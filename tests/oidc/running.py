"""The provider as a process of its own."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]
START_SECONDS = 240


@contextmanager
def run_provider(port: int, *, client_id: str, client_secret: str) -> Iterator[str]:
    """Yield the issuer of a provider that answers."""
    command = [sys.executable, "-m", "tests.oidc", str(port), client_id, client_secret]
    process = subprocess.Popen(command, cwd=ROOT)
    issuer = f"http://127.0.0.1:{port}"
    try:
        _wait(issuer, process=process)
        yield issuer
    finally:
        process.terminate()
        process.wait()


def _wait(issuer: str, *, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        assert process.poll() is None, "the provider has ended"
        try:
            httpx.get(f"{issuer}/jwks", timeout=5)
            return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(f"{issuer} does not answer")
