"""GuardMDM as an operator runs it: its own processes, data folder, database and broker."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests import plain_http
from tests.services import find_free_port

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 240
PATIENCE = 120.0  # seconds: what takes one may take many on a busy machine
STOP_SECONDS = 120


@dataclass
class Server:
    """A server of its own; `environment` holds every GUARDMDM_ setting it is given."""

    folder: Path
    environment: dict[str, str]
    port: int = field(default_factory=find_free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """Everything the processes have written so far."""
        path = self.folder / "serve.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def read_files(self) -> Iterator[tuple[Path, bytes]]:
        """Each file of the data folder that is not gone before it is read, as a message is."""
        for path in (self.folder / "data").rglob("*"):
            with contextlib.suppress(FileNotFoundError):
                if path.is_file():
                    yield path, path.read_bytes()

    def manage(self, *words: str) -> Any:
        """Run a management command with --json; returns what it printed, decoded."""
        done = subprocess.run(
            [sys.executable, "manage.py", *words, "--json"],
            cwd=ROOT,
            env=self.settings,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode:
            raise AssertionError(f"{words} exited {done.returncode}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def start(self) -> None:
        with (self.folder / "serve.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "serve", "--port", str(self.port)],
                cwd=ROOT,
                env=self.settings,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._wait_until_ready()
        except AssertionError:
            self.stop()
            raise

    def stop(self) -> None:
        """Ctrl-C, as on a terminal; raises TimeoutExpired when that does not stop it."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(STOP_SECONDS)
        self.process = None

    def _wait_until_ready(self) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            assert self.process is not None
            if self.process.poll() is not None:
                raise AssertionError(f"serve ended: {self.log[-3000:]}")
            try:
                if plain_http.get(f"{self.base_url}/readyz", timeout=5).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.2)
        raise AssertionError(f"not ready after {START_SECONDS} s: {self.log[-3000:]}")

    @property
    def settings(self) -> dict[str, str]:
        """The environment of its processes."""
        own = {
            "GUARDMDM_DATA_DIR": str(self.folder / "data"),
            "GUARDMDM_BASE_URL": self.base_url,
            **self.environment,
        }
        outside = {
            name: text
            for name, text in os.environ.items()
            if not name.startswith(("GUARDMDM_", "DJANGO_"))
        }
        return outside | own


def find_id(api: httpx.Client, collection: str, *, name: str) -> str:
    """The public id of the row of a REST collection that has this name."""
    rows = api.get(collection, params={"search": name}).raise_for_status().json()["results"]
    found: str = next(row["id"] for row in rows if row["name"] == name)
    return found


def make_token(api: httpx.Client, **fields: Any) -> dict[str, Any]:
    """Make a token by REST, for the group "Default" and without limit unless told otherwise."""
    defaults = {"name": f"Story {uuid.uuid4()}", "expires_at": "24h", "max_uses": 0}
    if "group" not in fields:
        defaults["group"] = find_id(api, "groups", name="Default")
    token: dict[str, Any] = (
        api.post("enrollment/tokens", json=defaults | fields).raise_for_status().json()
    )
    return token


def wait_for(question: Any, *, seconds: float = PATIENCE, what: str = "it") -> Any:
    """Ask until the answer is true; returns the answer."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := question():
            return answer
        time.sleep(0.2)
    raise AssertionError(f"{what} did not happen within {seconds} s")
