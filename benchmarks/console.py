"""Pages of devices and apps at 2,000 and at 100,000 devices: queries, milliseconds, and CPU.

    python -m benchmarks.console [--apps 20] [--rounds 15] [--json]

Each size has a process and a database of its own, and they are asked by turns, so that what else
the machine does meets both alike. The pages are asked for without a web server: what is measured is
the view, its queries and its template. The goal is the same number of queries, and time within 1.3
times. CPU is that of Python and PostgreSQL together.
"""

import argparse
import json
import multiprocessing
import os
import secrets
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.installation import (
    Database,
    Installation,
    connect,
    copy_row,
    open_database,
    settle,
)
from benchmarks.machine import describe_machine, read_cpu_seconds

PERSON = "bench@example.com"
SIZES = (2_000, 100_000)
VERSIONS, TITLES = 2_000, 500
IN_LOBBY = 100  # of either size: what a page shows is the same
CONSOLE = {
    "dashboard": "/console/",
    "devices": "/console/devices/",
    "page 3": "/console/devices/?page=3",
    "current": "/console/devices/?status=current",
    "enrolled lately": "/console/devices/?enrolled=7",
    "by name": "/console/devices/?ordering=name",
    "by OS, page 100": "/console/devices/?ordering=-os_version&page=100",
    "by last seen": "/console/devices/?ordering=last_seen_at",
    "a group": "/console/devices/?group={group}",
    "has a common app": "/console/devices/?app=app0",
    "has a rare app": "/console/devices/?app=app499",
    "lacks a common app": "/console/devices/?without_app=app0",
    "app in a version": "/console/devices/?app=app3&app_version=3",
    "OS older than": "/console/devices/?os_version_lt=17",
    "FileVault off": "/console/devices/?missing_filevault=true",
    "supervised": "/console/devices/?supervised=True",
    "silent for 30 days": "/console/devices/?seen_before=30",
    "search": "/console/devices/?q=Lobby",
    "search in vain": "/console/devices/?q=zzqx",
    "no such platform": "/console/devices/?platform=ios",
    "groups": "/console/groups/",
    "failed items": "/console/failed-items/",
    "all apps": "/console/devices/apps/",
    "one app": "/console/devices/apps/{title}",
    "a device's apps": "/console/devices/{device}/apps",
    "a device's security": "/console/devices/{device}/security",
    "metrics": "/metrics",
}


def start_django(installation: Installation) -> None:
    """Load the server's settings for this installation; once a process."""
    os.environ |= {
        "GUARDMDM_DATA_DIR": str(installation.folder),
        "GUARDMDM_DATABASE_URL": installation.database.url,
        "GUARDMDM_BASE_URL": installation.url,
        "DJANGO_SETTINGS_MODULE": "guardmdm.settings",
    }
    import django
    from django.conf import settings

    django.setup()
    # Hashed names need a build; they cost a look-up in a dictionary.
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = settings.STORAGES | {"staticfiles": plain}


def make_software() -> None:
    from devices.models import SoftwareTitle, SoftwareVersion

    titles = [SoftwareTitle(identifier=f"app{n}", name=f"App {n}") for n in range(TITLES)]
    SoftwareTitle.objects.bulk_create(titles)
    SoftwareVersion.objects.bulk_create(
        SoftwareVersion(title=titles[n % TITLES], digest=f"{n}", name=f"App {n}", version=f"{n}")
        for n in range(VERSIONS)
    )


def make_first_device() -> None:
    from django.utils import timezone

    from devices.models import Device, DeviceStatus, Group, Platform

    group = Group.objects.earliest("id")
    Device.objects.create(
        udid="first",
        group=group,
        status=DeviceStatus.MANAGED,
        platform=Platform.MACOS,
        information={f"Fact{n}": "x" * 40 for n in range(50)},
        last_seen_at=timezone.now(),
        information_reported_at=timezone.now(),
        applications_reported_at=timezone.now(),
    )


def fill(database: Database, *, count: int, apps: int) -> None:
    """Copy the first device `count` times by SQL, each with `apps` apps.

    One in 50 is unsafe and has not been heard of for long; IN_LOBBY of them have a word in common.
    """
    changes = {
        **dict.fromkeys(
            ("last_seen_at", "information_reported_at"),
            "CASE WHEN n % 50 = 0 THEN '2020-01-01 00:00:00' ELSE row.last_seen_at END",
        ),
        "public_id": "'dev_' || substr({random}, 1, 20)",
        "udid": "{random}",
        "serial_number": "upper(substr({random}, 1, 10))",
        "name": f"CASE WHEN n <= {IN_LOBBY} THEN 'Lobby ' ELSE 'Device ' END || n",
        "os_version_number": "CASE WHEN n % 50 = 0 THEN 1600000000 ELSE 1800010000 END",
        "is_supervised": "n % 2 = 0",
        "filevault_enabled": "n % 50 <> 0",
        "passcode_present": "n % 50 <> 0",
    }
    copy_row(database, table="devices_device", count=count, changes=changes, where="udid = 'first'")
    with connect(database) as cursor:
        cursor.execute("SELECT min(id) FROM devices_softwareversion")
        first = cursor.fetchone()[0]
        for number in range(apps):
            version = f"{first + number}"
            if number >= apps // 2:  # the other half is each device's own choice
                version = f"{first + apps} + (d.id * 7 + {number}) % {VERSIONS - apps}"
            cursor.execute(
                "INSERT INTO devices_installedapplication (device_id, version_id, bundle_size) "  # noqa: S608
                f"SELECT d.id, {version}, 1000000 FROM devices_device AS d WHERE NOT EXISTS "
                f"(SELECT 1 FROM devices_installedapplication AS i WHERE i.device_id = d.id "
                f"AND i.version_id = {version})"
            )
        cursor.execute("ANALYZE")
    settle(database)


@dataclass(frozen=True)
class Answer:
    """What one page took: its queries, and milliseconds, of the clock and of CPU."""

    queries: int
    time: float
    cpu: float


class Pages:
    """The pages of one installation, for somebody who may read all of them."""

    def __init__(self, database: Database) -> None:
        from django.test import Client

        from organization.models import Administrator

        self._database, self._paths = database, list_paths()
        self._client = Client(headers={"Host": "127.0.0.1"})
        self._client.force_login(Administrator.objects.get(email=PERSON))

    def ask(self, page: str) -> Answer:
        from django.db import connection

        queries: list[str] = []
        with connection.execute_wrapper(_note_in(queries)):
            cpu, started = self._read_cpu(), time.perf_counter()
            status = self._client.get(self._paths[page]).status_code
            ended, cpu_then = time.perf_counter(), self._read_cpu()
        assert status == 200, page
        return Answer(len(queries), 1000 * (ended - started), 1000 * (cpu_then - cpu))

    def _read_cpu(self) -> float:
        process = self._database.process
        return time.process_time() + (read_cpu_seconds(process) if process else 0)


def _note_in(queries: list[str]) -> Callable[..., Any]:
    def note(execute: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        queries.append(sql)
        return execute(sql, *arguments)

    return note


def list_paths() -> dict[str, str]:
    from devices.models import Device, Group, SoftwareTitle

    ids = {
        "group": Group.objects.earliest("id").public_id,
        "title": SoftwareTitle.objects.get(identifier="app0").public_id,
        "device": Device.objects.earliest("-id").public_id,
    }
    return {name: path.format(**ids) for name, path in CONSOLE.items()}


def answer(orders: Connection, *, kind: str, size: int, apps: int) -> None:
    """Make an installation with so many devices, then ask for each page that is ordered."""
    with tempfile.TemporaryDirectory(prefix="guardmdm-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with open_database(kind, folder=folder) as database:
            installation = Installation(folder, database)
            installation.manage("bootstrap")
            start_django(installation)
            make_rows(database, size=size, apps=apps)
            pages = Pages(database)
            orders.send(None)
            while page := orders.recv():
                orders.send(pages.ask(page))


def make_rows(database: Database, *, size: int, apps: int) -> None:
    from django.utils import timezone

    from devices.services.software_counts import count_software
    from organization.models import Role
    from organization.services.administrators import create_administrator

    create_administrator(PERSON, role=Role.AUDITOR, password=secrets.token_hex())
    make_software()
    make_first_device()
    fill(database, count=size - 1, apps=apps)
    count_software(now=timezone.now())


class Site:
    """The other end of `answer`, in a process of its own."""

    def __init__(self, **how: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._orders, theirs = context.Pipe()
        self._process = context.Process(target=answer, args=(theirs,), kwargs=how)
        self._process.start()
        theirs.close()

    def wait(self) -> None:
        """Return when it is ready; raises EOFError where it has failed."""
        self._orders.recv()

    def ask(self, page: str) -> Answer:
        self._orders.send(page)
        taken: Answer = self._orders.recv()
        return taken

    def close(self) -> None:
        self._orders.send(None)
        self._process.join()


def run(kind: str, *, apps: int, rounds: int) -> list[dict[str, Any]]:
    """Measure both sizes on one kind of database; return a row for each page."""
    with ExitStack() as stack:
        sites = [
            stack.enter_context(closing(Site(kind=kind, size=size, apps=apps))) for size in SIZES
        ]
        for site in sites:
            site.wait()
        return [
            {"database": kind, "page": page} | compare(page, sites=sites, rounds=rounds)
            for page in CONSOLE
        ]


def compare(page: str, *, sites: list[Site], rounds: int) -> dict[str, Any]:
    """Ask both by turns; a ratio is the median of the turns' own."""
    queries = [site.ask(page).queries for site in sites]
    turns = [[site.ask(page) for site in sites] for _ in range(rounds)]
    row: dict[str, Any] = {f"{n} queries": each for n, each in zip(SIZES, queries, strict=True)}
    for figure in ("time", "cpu"):
        values = [[getattr(each, figure) for each in turn] for turn in turns]
        for size, taken in zip(SIZES, zip(*values, strict=True), strict=True):
            row[f"{size} {figure}"] = round(statistics.median(taken), 1)
        row[f"{figure} ratio"] = round(statistics.median(many / few for few, many in values), 2)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.console")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="postgresql")
    parser.add_argument("--apps", type=int, default=20, help="on each device")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = run(options.database, apps=options.apps, rounds=options.rounds)
    if options.json:
        print(json.dumps({"machine": describe_machine(), "rows": rows}, indent=2))
        return
    print(f"{options.database:20}" + "".join(f"{n:>14} queries, ms, CPU" for n in SIZES))
    for row in rows:
        figures = "".join(
            f"{row[f'{n} queries']:>15}{row[f'{n} time']:>8}{row[f'{n} cpu']:>8}" for n in SIZES
        )
        print(f"{row['page']:20}{figures}  × {row['time ratio']}, CPU × {row['cpu ratio']}")


if __name__ == "__main__":
    main()
