"""`make demo`: the server, three simulated devices that enroll while you watch, and what to open.

The devices are a program of their own (tests/simulator), started as any stranger would be.
"""

import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import segno
from django.conf import settings

from guardmdm.exclusive import FolderInUse, hold_data_folder
from guardmdm.serving import AddressTaken, build_address, require_free

PLATFORMS = "ios,ipados,macos"
READY_SECONDS = 120
MANAGED_SECONDS = 180
STOP_SECONDS = 15
QR_BORDER = 2
FILE_COLUMNS = 200  # of what is no terminal
MANAGE = (sys.executable, "manage.py")
SIMULATOR = (sys.executable, "-m", "tests.simulator")

Say = Callable[[str], None]


class DemoFailed(Exception):
    """A step of the demo did not work; the text says which, and where to read more."""


@dataclass(frozen=True)
class Folder:
    """What the demo keeps beside the server's own data."""

    path: Path

    @property
    def devices(self) -> Path:
        return self.path / "devices"

    @property
    def apns_ca(self) -> Path:
        return self.path / "apns-ca.pem"

    @property
    def device_ca(self) -> Path:
        return self.path / "device-ca.pem"

    @property
    def device_ca_key(self) -> Path:
        """What the simulator makes its devices with."""
        return self.devices / "device-authority.pem"

    @property
    def server_log(self) -> Path:
        return self.path / "server.log"

    @property
    def password(self) -> Path:
        return self.path / "one-time-password"

    @property
    def enrolled(self) -> Path:
        """Stands when the devices became Managed; without it they are made anew."""
        return self.path / "enrolled"


class Demo:
    """Runs until Ctrl-C; every process that it starts ends with it."""

    def __init__(self, *, port: int, say: Say) -> None:
        self._port = port
        self._say = say
        self._folder = Folder(settings.DATA_DIR / "demo")
        self._apns_port = find_free_port()
        self._environ = build_environment(
            os.environ, port=port, apns_port=self._apns_port, folder=self._folder
        )
        self._server: subprocess.Popen[bytes] | None = None
        self._simulator: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        """Raises DemoFailed; KeyboardInterrupt is the normal end."""
        self._require_room()
        signal.signal(signal.SIGTERM, _interrupt)
        signal.signal(signal.SIGINT, _interrupt)
        self._folder.devices.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._say("Setting up …")
        self._make_authorities()
        made = self._bootstrap()
        try:
            self._start_server()
            self._enroll(made["enrollment_url"])
            self._start_listening_devices()
            self._say(self._describe(made))
            self._wait()
        finally:
            self._stop()

    def _require_room(self) -> None:
        """Else a server that is there already would pass for the demo's own, or lose its files."""
        try:
            with hold_data_folder():
                pass
        except FolderInUse as error:
            raise DemoFailed(str(error)) from error
        try:
            require_free(build_address("127.0.0.1", port=self._port, behind_proxy=False))
        except AddressTaken as error:
            raise DemoFailed(f"{error} Choose another port: make demo PORT=8080") from error

    def _make_authorities(self) -> None:
        """The CAs that the server is told to trust: it looks for their files when it starts."""
        if self._start_simulator(output=subprocess.DEVNULL).wait() != 0:
            raise DemoFailed("the simulated devices' certificate authority could not be made")

    def _bootstrap(self) -> dict[str, Any]:
        command = [*MANAGE, "bootstrap", "--demo", "--json"]
        result = subprocess.run(
            command, env=self._environ, stdout=subprocess.PIPE, text=True, check=False
        )
        if result.returncode != 0:
            raise DemoFailed("manage.py bootstrap failed")
        made: dict[str, Any] = json.loads(result.stdout)
        if made["one_time_password"]:
            self._folder.password.touch(mode=0o600)
            self._folder.password.write_text(made["one_time_password"])
        return made

    def _start_server(self) -> None:
        self._say("Starting the server …")
        with self._folder.server_log.open("ab") as log:
            self._server = subprocess.Popen(
                [*MANAGE, "serve", "--port", str(self._port)],
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches the demo alone, which ends the rest
            )
        deadline = time.monotonic() + READY_SECONDS
        while not self._is_ready():
            if self._server.poll() is not None or time.monotonic() > deadline:
                raise DemoFailed(f"The server did not start: see {self._folder.server_log}")
            time.sleep(0.3)

    def _is_ready(self) -> bool:
        with suppress(URLError, OSError), urlopen(f"{self._base_url}/readyz", timeout=5) as answer:  # noqa: S310
            return bool(answer.status == 200)
        return False

    def _enroll(self, url: str) -> None:
        if self._folder.enrolled.exists():
            return
        for half_enrolled in self._folder.devices.glob("*.plist"):
            half_enrolled.unlink()
        self._say("An iPhone, an iPad and a Mac enroll; their policies follow …")
        simulator = self._start_simulator(
            url, "--platform", PLATFORMS, "--wait-managed", str(MANAGED_SECONDS)
        )
        if simulator.wait() != 0:
            raise DemoFailed(f"Not every device became Managed: see {self._folder.server_log}")
        self._folder.enrolled.touch()

    def _start_listening_devices(self) -> None:
        with (self._folder.path / "devices.log").open("ab") as log:
            self._start_simulator("--stay", output=log)

    def _start_simulator(self, *arguments: str, output: Any = None) -> subprocess.Popen[bytes]:
        self._simulator = subprocess.Popen(
            [
                *SIMULATOR,
                *arguments,
                *("--state", str(self._folder.devices)),
                *("--apns-port", str(self._apns_port)),
                *("--apns-ca-out", str(self._folder.apns_ca)),
                *("--device-ca-out", str(self._folder.device_ca)),
            ],
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        return self._simulator

    def _describe(self, made: dict[str, Any]) -> str:
        sign_in = "your own password"
        if made["must_change_password"] and self._folder.password.exists():
            sign_in = f"{self._folder.password.read_text()}   (once; then you choose your own)"
        key = os.path.relpath(self._folder.device_ca_key)
        return "\n".join(
            [
                "",
                build_terminal_qr(made["enrollment_url"], columns=_count_columns()),
                f"Enrollment URL  {made['enrollment_url']}",
                "",
                f"Console         {self._base_url}/console/",
                f"Sign in as      {made['administrator']}",
                f"Password        {sign_in}",
                "",
                "Enroll one more device (it polls, for the demo's push service does not know it):",
                "                .venv/bin/python -m tests.simulator --stay --poll 3"
                f" --device-ca {key} '<URL>'",
                "Ctrl-C stops everything; `make demo` brings it back with all data.",
            ]
        )

    def _wait(self) -> None:
        assert self._server is not None  # noqa: S101 - started before
        if self._server.wait() != 0:
            raise DemoFailed(f"The server ended: see {self._folder.server_log}")

    def _stop(self) -> None:
        running = [each for each in (self._simulator, self._server) if each and each.poll() is None]
        for process in running:
            process.terminate()
        for process in running:
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)

    @property
    def _base_url(self) -> str:
        return self._environ["GUARDMDM_BASE_URL"]


def _count_columns() -> int:
    return shutil.get_terminal_size((FILE_COLUMNS, 0)).columns


def build_environment(
    environ: Mapping[str, str], *, port: int, apns_port: int, folder: Folder
) -> dict[str, str]:
    """Return the server's environment, which trusts the simulator's push service and devices."""
    return {
        "GUARDMDM_BASE_URL": f"http://127.0.0.1:{port}",
        **environ,
        "GUARDMDM_DATA_DIR": str(settings.DATA_DIR),
        "GUARDMDM_APNS_HOST": "localhost",
        "GUARDMDM_APNS_PORT": str(apns_port),
        "GUARDMDM_APNS_CA": str(folder.apns_ca),
        "GUARDMDM_DEVICE_CA": str(folder.device_ca),
    }


def build_terminal_qr(text: str, *, columns: int) -> str:
    """Return the QR code in half-block characters with colours of its own, for any terminal.

    Where it is wider than `columns`, its lines would break and no camera read it.
    """
    code = segno.make(text, error="l", micro=False)
    width, _ = code.symbol_size(border=QR_BORDER)
    if width > columns:
        return f"QR code         in a window of {width} columns, or in the console\n"
    out = io.StringIO()
    code.terminal(out, compact=True, border=QR_BORDER)
    return out.getvalue()


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt
