"""`make test`: what the tests need, the static checks, then the suite on both kinds of database.

    python -m tests.run           everything
    python -m tests.run --fast    static checks and the tests of protocol/
    python -m tests.run --lint    static checks

Every stage runs even where an earlier one failed; the exit code is 1 where any failed. What
cannot be installed here is left out with its reason, unless GUARDMDM_TEST_REQUIRE_ALL is set.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tests.debian import install_missing
from tests.services import ServiceMissing, run_services

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
PYTEST = (sys.executable, "-m", "pytest")
PARALLEL = ("-n", "4", "--dist", "loadfile", "--no-loadscope-reorder")  # see tests/order.py
Words = tuple[str, ...]
PROTOCOL_TESTS = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("tests/*/protocol"))
# What needs no database, brings its own, is a story whose every step is tested on both kinds, or a
# page or door before services that are: once is enough. So is once for the pages in Chromium.
ONCE = (
    "tests/apple",
    "tests/benchmarks",
    "tests/enrollment/test_languages.py",
    "tests/enrollment/test_qr.py",
    "tests/flows/test_backup_story.py",
    "tests/flows/test_external_story.py",
    "tests/flows/test_kiosk_story.py",
    "tests/flows/test_mutual_tls_story.py",
    "tests/flows/test_outage_story.py",
    "tests/flows/test_packages_story.py",
    "tests/flows/test_people_story.py",
    "tests/flows/test_renewal_story.py",
    "tests/flows/test_return_story.py",
    "tests/flows/test_slow_story.py",
    "tests/guardmdm/test_command_line.py",
    "tests/guardmdm/test_compose.py",
    "tests/guardmdm/test_doctor_provider.py",
    "tests/guardmdm/test_doctor_proxy.py",
    "tests/guardmdm/test_env.py",
    "tests/guardmdm/test_install.py",
    "tests/guardmdm/test_logs.py",
    "tests/guardmdm/test_nginx.py",
    "tests/guardmdm/test_serve.py",
    "tests/guardmdm/test_serving.py",
    "tests/guardmdm/test_static_files.py",
    "tests/guardmdm/test_supervisor.py",
    "tests/guardmdm/test_templates.py",
    "tests/guardmdm/test_tls.py",
    "tests/guardmdm/test_turns.py",
    "tests/rest/test_docs.py",
    "tests/rest/test_schema.py",
    "tests/scep/external/test_outbound.py",
    "tests/scep/external/test_sign_on.py",
    "tests/scep/test_ocsp_hostile.py",
    "tests/simulator_checks",
)
# What there is nothing of in SQLite.
POSTGRESQL_ONLY = (
    "tests/console/test_order_plans.py",
    "tests/devices/test_bulk_locks.py",
    "tests/devices/test_deletion_locks.py",
    "tests/devices/test_group_locks.py",
    "tests/devices/test_lapse_locks.py",
    "tests/devices/test_plans.py",
    "tests/devices/test_push_locks.py",
    "tests/devices/test_renewal_locks.py",
    "tests/enrollment/test_held_request_locks.py",
    "tests/guardmdm/test_database_fitness.py",
    "tests/guardmdm/test_indexes.py",
    "tests/guardmdm/test_kept_connection.py",
    "tests/guardmdm/test_metrics_plans.py",
    "tests/guardmdm/test_turns_at_commit.py",
    "tests/organization/test_synchronous_commit.py",
    "tests/policies/test_plans.py",
    "tests/rest/test_list_plans.py",
)


@dataclass(frozen=True)
class Stage:
    """One command, and what it is called in the summary."""

    name: str
    command: tuple[str, ...]
    environ: Mapping[str, str] = field(default_factory=dict)
    is_told_when_good: bool = True

    def build_environ(self) -> dict[str, str]:
        """Some images forbid compiled files; here, hundreds of processes read the same ones."""
        kept = {key: text for key, text in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        return {**kept, **self.environ}


@dataclass(frozen=True)
class Outcome:
    name: str
    ok: bool
    note: str


def list_static_checks() -> list[Stage]:
    return [
        Stage("ruff check", (str(BIN / "ruff"), "check", ".")),
        Stage("ruff format", (str(BIN / "ruff"), "format", "--check", ".")),
        Stage("mypy", (str(BIN / "mypy"),)),
        Stage("import contracts", (str(BIN / "lint-imports"),)),
        Stage(
            "migrations", (sys.executable, "manage.py", "makemigrations", "--check", "--dry-run")
        ),
    ]


def build_protocol_stage() -> Stage:
    """The pure tests, in a process that never loads Django: so without the apps' fixtures."""
    pure = ("-p", "no:django", "--noconftest", "-p", "tests.conftest")
    quiet = ("-W", "ignore::pytest.PytestConfigWarning")
    return Stage("protocol, no Django", (*PYTEST, *pure, *quiet, *PROTOCOL_TESTS))


def build_suite_stage(name: str, *, environ: Mapping[str, str], options: Words = ()) -> Stage:
    left_out = tuple(f"--ignore={path}" for path in PROTOCOL_TESTS)
    command = (*PYTEST, *PARALLEL, *left_out, "-rs", "--durations=8", *options)
    return Stage(name, command, environ)


def build_collection_stage() -> Stage:
    """What the suite's processes would each compile for themselves, all at once."""
    command = (*PYTEST, "--collect-only", "-qqq")
    return Stage("collection", command, is_told_when_good=False)


def run_stage(stage: Stage) -> Outcome:
    print_title(stage)
    started = time.monotonic()
    said = None if stage.is_told_when_good else subprocess.PIPE
    result = subprocess.run(
        stage.command, cwd=ROOT, env=stage.build_environ(), stdout=said, text=True, check=False
    )
    if result.returncode and result.stdout:
        print(result.stdout, flush=True)
    return Outcome(stage.name, result.returncode == 0, f"{time.monotonic() - started:.0f} s")


def run_beside(stage: Stage, others: Sequence[Stage]) -> Iterator[Outcome]:
    """The one stage while the others run in turn: each of them keeps one core busy, no more."""
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as said, _start(stage, said) as process:
        try:
            yield from map(run_stage, others)
            ok = process.wait() == 0
        finally:
            process.terminate()
        print_title(stage)
        said.seek(0)
        print(said.read(), end="", flush=True)
    yield Outcome(stage.name, ok, f"{time.monotonic() - started:.0f} s")


def _start(stage: Stage, said: IO[str]) -> "subprocess.Popen[bytes]":
    environ = stage.build_environ()
    return subprocess.Popen(
        stage.command, cwd=ROOT, env=environ, stdout=said, stderr=subprocess.STDOUT
    )


def print_title(stage: Stage) -> None:
    print(f"\n── {stage.name} " + "─" * max(4, 70 - len(stage.name)), flush=True)


def run_suites() -> Iterator[Outcome]:
    options = tuple(f"--ignore={path}" for path in POSTGRESQL_ONLY)
    name = "suite on SQLite, folder broker"
    yield run_stage(build_suite_stage(name, environ={}, options=options))
    name = "suite on PostgreSQL, Redis"
    try:
        with run_services() as environ:
            options = ("-m", "not browser", *(f"--ignore={path}" for path in ONCE))
            yield run_stage(build_suite_stage(name, environ=environ, options=options))
    except ServiceMissing as missing:
        yield Outcome(name, not is_everything_required(), f"left out: {missing}")


def is_everything_required() -> bool:
    return os.environ.get("GUARDMDM_TEST_REQUIRE_ALL", "") not in ("", "0")


def run_all(options: argparse.Namespace) -> Iterator[Outcome]:
    if options.lint:
        yield from map(run_stage, list_static_checks())
        return
    beside = [*list_static_checks(), *([] if options.fast else [build_collection_stage()])]
    yield from run_beside(build_protocol_stage(), beside)
    if not options.fast:
        install_missing()
        yield from run_suites()


def main() -> int:
    # An exit, not a kill: what was started on the way is stopped on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser = argparse.ArgumentParser(prog="python -m tests.run")
    parser.add_argument("--fast", action="store_true")
    parser.add_argument("--lint", action="store_true")
    outcomes = list(run_all(parser.parse_args()))
    print("\n" + "─" * 74)
    for outcome in outcomes:
        print(f"{'ok    ' if outcome.ok else 'FAILED'}  {outcome.name:32}  {outcome.note}")
    return 0 if all(outcome.ok for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
