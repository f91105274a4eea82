"""A policy saved on 1,000 and on 100,000 devices: CPU for each, memory, and who waits for it.

    python -m benchmarks.policies                       both databases, half an hour
    python -m benchmarks.policies --sizes 1000 10000    a few minutes

An administrator uploads a profile into a policy of a group with so many devices. A second later
another one does the same for a group of one device. The server's two worker processes queue the
commands and push to a fake APNs; no device answers. The goals: the same CPU for each device,
memory that does not grow with them, less than a second for the administrator.
"""

import argparse
import os
import plistlib
import sys
import time
import urllib.request
from dataclasses import dataclass

from benchmarks.installation import (
    Installation,
    connect,
    copy_row,
    settle,
)
from benchmarks.machine import read_cpu_seconds, read_memory
from benchmarks.policy_rows import MAGIC, TOKEN
from benchmarks.push import read_topic
from benchmarks.report import write_report
from benchmarks.surroundings import open_installation

MANY, ONE = "many", "one"
GOAL_SECONDS = 1.0
SECONDS = 60
PAUSE = 1.0
"""Seconds between the two administrators."""
LOOK = 0.2
"""Seconds until it is looked again, at least."""


@dataclass(frozen=True)
class Result:
    """Of one size. `saved`: the administrator's seconds; `other`: from the other one's click until

    the one device's command was queued; `seconds`: until all were; CPU in ms for each device;
    `memory` in MB, the largest of the server's processes.
    """

    database: str
    devices: int
    saved: float
    other: float
    seconds: float
    server_cpu: float
    database_cpu: float
    memory: float


class Bench:
    """A running server with a group of `devices` and one of a single device."""

    def __init__(self, installation: Installation, *, devices: int) -> None:
        self.installation, self.database = installation, installation.database
        made = installation.run(sys.executable, "-m", "benchmarks.policy_rows", MANY, ONE)
        self.key, self.policies, self.one = made["key"], made["policies"], made["last"]
        self._copy_devices(devices - 1)

    def _copy_devices(self, count: int) -> None:
        changes = {"public_id": "'dev_' || substr({random}, 1, 20)", "udid": "{random}"}
        where = f"udid = '{MANY}'"
        copy_row(self.database, table="devices_device", count=count, changes=changes, where=where)
        with connect(self.database) as cursor:
            cursor.execute("SELECT * FROM devices_enrollment LIMIT 0")
            columns = [name for name, *_ in cursor.description if name != "id"]
            own = {
                "device_id": "device.id",
                "public_id": "'enr_' || substr(device.public_id, 5)",
                "certificate_sha256": "device.udid",
            }
            values = [own.get(name, f"row.{name}") for name in columns]
            cursor.execute(
                f"INSERT INTO devices_enrollment ({', '.join(columns)}) "  # noqa: S608
                f"SELECT {', '.join(values)} FROM devices_device AS device, "
                f"devices_enrollment AS row WHERE row.certificate_sha256 = '{MANY}' "
                f"AND device.udid NOT IN ('{MANY}', '{ONE}')"
            )
        settle(self.database)

    def save(self, group: str) -> float:
        """Upload a profile into the group's policy; return the seconds until the answer."""
        request = urllib.request.Request(  # noqa: S310
            f"{self.installation.url}/api/v1/policies/{self.policies[group]}/items",
            data=build_profile(),
            headers={
                "Authorization": f"Bearer {self.key}",
                "Content-Type": "application/x-apple-aspen-config",
            },
        )
        started = time.perf_counter()
        urllib.request.urlopen(request, timeout=SECONDS).close()  # noqa: S310
        return time.perf_counter() - started

    def wait(self, group: str, *, count: int) -> None:
        """Return when so many of the group's devices have been queued the profile."""
        while self._count(group) < count:
            time.sleep(max(LOOK, count / 20_000))

    def _count(self, group: str) -> int:
        """Return how many of the group's items, or of all where it is most of them, are queued."""
        queued = "SELECT count(*) FROM policies_itemstatus WHERE command_uuid <> ''"
        if group == ONE:
            queued += f" AND enrollment_id = {self.one}"
        with connect(self.database) as cursor:
            cursor.execute(queued)
            count: int = cursor.fetchone()[0]
        return count


def measure(installation: Installation, *, devices: int) -> Result:
    bench = Bench(installation, devices=devices)
    cores = ",".join(str(core) for core in range(os.cpu_count() or 1))
    with installation.serve(workers=1, cores=cores) as server:
        before = _read_cpu(bench, server)
        started = time.monotonic()
        saved = bench.save(MANY)
        time.sleep(PAUSE)
        bench.save(ONE)
        clicked = time.monotonic()
        bench.wait(ONE, count=1)
        other = time.monotonic() - clicked
        bench.wait(MANY, count=devices + 1)
        seconds = time.monotonic() - started
        after = _read_cpu(bench, server)
        memory = read_memory(server)
    return Result(
        database=bench.database.kind,
        devices=devices,
        saved=saved,
        other=other,
        seconds=seconds,
        server_cpu=1000 * (after[0] - before[0]) / devices,
        database_cpu=1000 * (after[1] - before[1]) / devices,
        memory=memory,
    )


def _read_cpu(bench: Bench, server: int) -> tuple[float, float]:
    process = bench.database.process
    return read_cpu_seconds(server), read_cpu_seconds(process) if process else 0.0


def build_profile() -> bytes:
    clip = {
        "PayloadType": "com.apple.webClip.managed",
        "PayloadVersion": 1,
        "PayloadIdentifier": "com.example.benchmark.clip",
        "PayloadUUID": "00000000-0000-4000-8000-000000000001",
        "URL": "https://www.example.com/",
        "Label": "Benchmark",
    }
    return plistlib.dumps(
        {
            "PayloadType": "Configuration",
            "PayloadVersion": 1,
            "PayloadIdentifier": "com.example.benchmark",
            "PayloadUUID": "00000000-0000-4000-8000-000000000002",
            "PayloadDisplayName": "Benchmark",
            "PayloadContent": [clip],
        }
    )


HEADER = "database     devices   saved s   other s   all s   CPU ms: server   database   memory MB"


def format_result(result: Result) -> str:
    return (
        f"{result.database:<11}{result.devices:>9}{result.saved:>10.2f}{result.other:>10.1f}"
        f"{result.seconds:>8.0f}{result.server_cpu:>17.2f}{result.database_cpu:>11.2f}"
        f"{result.memory:>12.0f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.policies")
    parser.add_argument("--databases", nargs="+", default=["postgresql", "sqlite"])
    parser.add_argument("--sizes", nargs="+", type=int, default=[1_000, 100_000])
    options, results = parser.parse_args(), []
    print(f"{HEADER}\n{'-' * len(HEADER)}", flush=True)
    for kind in options.databases:
        for devices in options.sizes:
            with open_installation(kind) as (installation, apns):
                apns.register(TOKEN, MAGIC, read_topic(installation))
                results.append(measure(installation, devices=devices))
            print(format_result(results[-1]), flush=True)
    goals = {"seconds for the administrator": GOAL_SECONDS}
    path = write_report("policies", options=options, results=results, goals=goals)
    print(f"\n{path} has it all.")


if __name__ == "__main__":
    main()
