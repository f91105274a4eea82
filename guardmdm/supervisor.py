"""Child processes that live and end together: started, prefixed, restarted, stopped."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

STOP_SECONDS = 8.0
LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 10.0
"""What has run for so long did not fail at its start, and is not kept waiting for the next."""
LAST_WORDS_SECONDS = 1.0
"""What a program wrote is there when it has ended; somebody it has started may write for ever."""
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)

Writer = Callable[[str], None]


@dataclass(frozen=True)
class Program:
    """What to run, and the name that stands before each of its lines."""

    name: str
    arguments: Sequence[str]
    reload_on: Path | None = None
    """A file whose change makes the program read it again, by SIGHUP."""


@dataclass
class Child:
    program: Program
    process: subprocess.Popen[str]
    relay: threading.Thread
    version: float = 0.0
    started: float = field(default_factory=time.monotonic)
    failures: int = 0
    restart_at: float | None = None
    """Of one that has ended: when it is started again."""

    def signal_group(self, number: int) -> None:
        """Send a signal to what the program has started, itself included."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def wait_for_last_words(self) -> None:
        self.relay.join(LAST_WORDS_SECONDS)


def write_line(line: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


class Supervisor:
    """Runs programs until SIGINT, SIGTERM or `stop()`; a crashed one is started again."""

    def __init__(
        self,
        programs: Sequence[Program],
        *,
        environ: Mapping[str, str],
        prefix_lines: bool = True,
        write: Writer = write_line,
    ) -> None:
        self._programs = programs
        self._environ = dict(environ) | {"PYTHONUNBUFFERED": "1"}
        self._width = max(len(program.name) for program in programs) if prefix_lines else 0
        self._write = write
        self._stopping = threading.Event()
        self._children: list[Child] = []

    def run(self) -> None:
        """Start all, keep them alive, return when all have ended."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: self._stopping.set())
        try:
            for program in self._programs:
                self._children.append(self._start(program))
            while not self._stopping.wait(0.2):
                self._restart_crashed()
                self._reload_changed()
        finally:
            self._stop_all()

    def stop(self) -> None:
        self._stopping.set()

    def _start(self, program: Program, *, failures: int = 0) -> Child:
        version = _get_version(program)
        process = subprocess.Popen(
            program.arguments,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            preexec_fn=_end_with_parent,
            process_group=0,
        )
        assert process.stdout is not None  # noqa: S101 - PIPE above
        relay = threading.Thread(
            target=self._relay, args=(program.name, process.stdout), daemon=True
        )
        relay.start()
        return Child(program, process, relay, version, failures=failures)

    def _relay(self, name: str, stream: IO[str]) -> None:
        before = f"{name:<{self._width}} | " if self._width else ""
        for line in stream:
            self._write(before + line.rstrip("\n"))

    def _restart_crashed(self) -> None:
        """Each waits for its own start alone: a worker that cannot run keeps no web down."""
        for index, child in enumerate(self._children):
            if child.process.poll() is None or self._stopping.is_set():
                continue
            if child.restart_at is None:
                self._plan_restart(child)
            elif time.monotonic() >= child.restart_at:
                child.signal_group(signal.SIGKILL)
                self._children[index] = self._start(child.program, failures=child.failures)

    def _plan_restart(self, child: Child) -> None:
        now = time.monotonic()
        was_steady = now - child.started > STEADY_SECONDS
        child.failures = 0 if was_steady else child.failures + 1
        pause = 0.0 if was_steady else min(2.0 ** (child.failures - 1), LONGEST_PAUSE_SECONDS)
        child.restart_at = now + pause
        # A web process without its parent would answer on for ever, with yesterday's code.
        child.signal_group(signal.SIGTERM)
        child.wait_for_last_words()
        code = child.process.returncode
        self._write(f"{child.program.name} ended with {code}; next start in {pause:.0f} s")

    def _reload_changed(self) -> None:
        for child in self._children:
            version = _get_version(child.program)
            if version != child.version and child.process.poll() is None:
                self._write(f"{child.program.name} reads {child.program.reload_on} again")
                child.process.send_signal(signal.SIGHUP)
                child.version = version

    def _stop_all(self) -> None:
        for child in self._children:
            if child.process.poll() is None:
                child.process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for child in self._children:
            try:
                child.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
            child.signal_group(signal.SIGKILL)
            child.wait_for_last_words()


def _get_version(program: Program) -> float:
    try:
        return program.reload_on.stat().st_mtime if program.reload_on else 0.0
    except FileNotFoundError:
        return 0.0


def _end_with_parent() -> None:
    """On Linux a child gets SIGTERM when its supervisor is killed outright: no orphans."""
    if sys.platform == "linux":
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() == 1:
            os.kill(os.getpid(), signal.SIGTERM)
