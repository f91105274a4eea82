"""How `serve` runs the web, worker and scheduler processes, and under which address."""

import errno
import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from guardmdm.addresses import LARGEST_PORT
from guardmdm.port_holders import find_port_holders
from guardmdm.supervisor import Program
from organization.protocol.loopback import is_loopback

WEB_TURNS = 4
"""Requests that one web process works at; guardmdm/turns.py gives them out."""
WEB_THREADS = 32
"""They wait for bodies. More fight for the interpreter when all have one (docs/adr/0080)."""
UPLOAD_PATHS, UPLOAD_TURNS = ("/console/packages/new", "/api/v1/packages"), 2
"""Where packages of gigabytes come in; a slow one keeps nobody but other packages waiting."""
MESSAGE_LIMITS = {"/scep/": 2**16, "/enroll/profile-service/": 2**16, "/mdm/": 10 * 2**20}
"""Where devices' messages come in: these may come in chunks (docs/adr/0291), of which so many bytes
are waited for, and no refusal goes without an entry (docs/adr/0214)."""
WORKER_PROCESSES = 2
RESPAWN_SECONDS = "20"
PORT_FIX = "Try another --port."
HOST_FIX = "--host takes an address or a name of this machine."
ANY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound to


class AddressUnclear(Exception):
    """Devices need one address, and the options leave open which."""


class AddressTaken(Exception):
    """Nothing can listen there; the text says why, and `fix` what helps with `serve`."""

    def __init__(self, message: str, *, fix: str) -> None:
        super().__init__(message)
        self.fix = fix


@dataclass(frozen=True)
class Address:
    """Where the web process listens, and whether it speaks TLS itself."""

    host: str
    port: int
    uses_tls: bool


def build_address(host: str, *, port: int, behind_proxy: bool) -> Address:
    """Plain HTTP on loopback and behind a proxy, TLS everywhere else."""
    return Address(host, port, uses_tls=not (behind_proxy or is_loopback(host)))


def build_url(address: Address) -> str:
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{'https' if address.uses_tls else 'http'}://{host}:{address.port}"


def require_free(address: Address) -> None:
    """Raises AddressTaken where another program listens, or nothing could."""
    if not address.host:  # to a socket that is every address, to devices it is none
        raise AddressTaken("There is no host without a name.", fix=HOST_FIX)
    if not 0 < address.port <= LARGEST_PORT:
        raise AddressTaken(f"There is no port {address.port}.", fix=PORT_FIX)
    try:
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address.host, address.port))
    except OSError as error:
        fix = PORT_FIX if error.errno in (errno.EADDRINUSE, errno.EACCES) else HOST_FIX
        reason = f"{error.strerror}{_name_holders(address.port, error=error)}"
        raise AddressTaken(f"{build_url(address)}: {reason}.", fix=fix) from error


def _name_holders(port: int, *, error: OSError) -> str:
    """A server that was killed outright, its web process too, leaves workers that answer on."""
    holders = find_port_holders(port) if error.errno == errno.EADDRINUSE else []
    return "".join(f"; process {each.pid} listens there ({each.command})" for each in holders)


def build_environment(address: Address, *, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the children's environment: GUARDMDM_BASE_URL follows `address` unless it is set.

    Raises AddressUnclear for 0.0.0.0 and for a proxy without GUARDMDM_BASE_URL.
    """
    environment = dict(environ)
    if environ.get("GUARDMDM_BASE_URL") or environ.get("GUARDMDM_BASE_URL_FILE"):
        return environment
    if address.host in ANY_ADDRESS or not (address.uses_tls or is_loopback(address.host)):
        raise AddressUnclear(
            "Set GUARDMDM_BASE_URL to the address that devices use, like https://mdm.example.com."
        )
    environment["GUARDMDM_BASE_URL"] = build_url(address)
    return environment


def build_programs(
    address: Address, *, workers: int, tls_files: tuple[Path, Path] | None
) -> list[Program]:
    """Return the three programs; `tls_files` are certificate chain and key in PEM."""
    return [
        Program(
            "web",
            _build_web(address, workers=workers, tls_files=tls_files),
            reload_on=tls_files[0] if tls_files else None,
        ),
        Program(
            "worker",
            [
                *(sys.executable, "-m", "celery", "-q", "-A", "guardmdm", "worker"),
                *("--concurrency", str(WORKER_PROCESSES), "--loglevel", "INFO"),
                *("--without-gossip", "--without-mingle", "--without-heartbeat"),
            ],
        ),
        Program("beat", [sys.executable, "-m", "celery", "-q", "-A", "guardmdm", "beat"]),
    ]


def _build_web(address: Address, *, workers: int, tls_files: tuple[Path, Path] | None) -> list[str]:
    arguments = [
        *(sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws"),
        *("--http", "1"),  # guardmdm/slow_clients.py relies on it
        *("--host", address.host, "--port", str(address.port)),
        *("--workers", str(workers)),
        *("--blocking-threads", str(WEB_THREADS + settings.DOWNLOAD_THREADS)),
        *("--respawn-failed-workers", "--workers-kill-timeout", "5"),
        # A new certificate: each worker's successor has this long to start before it stops.
        *("--respawn-interval", RESPAWN_SECONDS),
        # Its access log would hold tokens: they stand in the query of the enrollment URL.
        *("--no-access-log", "--log-level", "error"),
    ]
    if tls_files:
        certificate, key = tls_files
        arguments += ["--ssl-certificate", str(certificate), "--ssl-keyfile", str(key)]
        arguments += ["--ssl-protocol-min", "tls1.2"]  # iOS before 12.2 knows no 1.3
    return [*arguments, "guardmdm.wsgi:application"]


def count_workers() -> int:
    return max(2, os.cpu_count() or 1)
