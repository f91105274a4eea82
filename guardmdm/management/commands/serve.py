import os
import subprocess
import sys
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from guardmdm.exclusive import FolderInUse, hold_data_folder
from guardmdm.serving import (
    Address,
    AddressTaken,
    AddressUnclear,
    build_address,
    build_environment,
    build_programs,
    build_url,
    count_workers,
    require_free,
)
from guardmdm.static_files import is_collected
from guardmdm.supervisor import Supervisor, write_line
from guardmdm.tls import get_paths
from organization.management.operator_command import OperatorCommand

MANAGE = [sys.executable, str(settings.BASE_DIR / "manage.py")]


def _read_count(text: str) -> int:
    """Without a web process the server would run, and answer nobody."""
    if not text.isdecimal() or int(text) == 0:
        raise ArgumentTypeError(f"{text!r} is not a number of 1 or more")
    return int(text)


class Command(OperatorCommand):
    help = "Run web, worker and scheduler until Ctrl-C; the first start sets everything up."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument(
            "--workers", type=_read_count, default=count_workers(), help="web processes"
        )
        parser.add_argument(
            "--behind-proxy", action="store_true", help="plain HTTP; a proxy in front speaks TLS"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        address = build_address(
            options["host"], port=options["port"], behind_proxy=options["behind_proxy"]
        )
        try:
            environment = build_environment(address, environ=os.environ)
        except AddressUnclear as error:
            raise CommandError(str(error)) from error
        try:
            require_free(address)
        except AddressTaken as error:
            raise CommandError(f"{error} {error.fix}") from error
        try:
            with hold_data_folder():
                self._serve(address, environment=environment, workers=options["workers"])
        except FolderInUse as error:
            raise CommandError(str(error)) from error

    def _serve(self, address: Address, *, environment: dict[str, str], workers: int) -> None:
        self._prepare(environment)
        files = self._issue_certificate(environment) if address.uses_tls else None
        programs = build_programs(address, workers=workers, tls_files=files)
        console = environment.get("GUARDMDM_BASE_URL") or settings.BASE_URL
        write_line(f"Console         {console}/console/")
        write_line(f"GuardMDM listens on {build_url(address)}; Ctrl-C stops it.")
        Supervisor(
            programs, environ=environment, prefix_lines=settings.ENV.log_format == "console"
        ).run()

    def _prepare(self, environment: dict[str, str]) -> None:
        """In processes of their own: they need the environment that the children get."""
        self._run("bootstrap", environment)
        if not is_collected():
            write_line("Collecting static files …")
            self._run("collectstatic", environment, "--noinput", "--verbosity", "0")

    def _issue_certificate(self, environment: dict[str, str]) -> tuple[Path, Path]:
        self._run("server_certificate", environment)
        return get_paths()

    def _run(self, command: str, environment: dict[str, str], *arguments: str) -> None:
        result = subprocess.run([*MANAGE, command, *arguments], env=environment, check=False)
        if result.returncode != 0:
            raise CommandError(f"manage.py {command} failed: nothing was started.")
