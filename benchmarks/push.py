"""Pushes a second of one worker process, beside what the fake APNs itself can take.

    python -m benchmarks.push                 all of it, some minutes
    python -m benchmarks.push --quick         SQLite, a tenth of the devices

The worker has one core and one connection; the fake APNs (real TLS and HTTP/2, in Python) has the
other one, together with PostgreSQL. Its ceiling is measured by a client that sends prepared
requests. Then all devices are asked a push for, and one task sends them. Dead tokens (half 410,
half 400) that were asked before the last tenth, living ones, are compared with these alone: once
the dead were silent for long, as they are, and once they were all heard of after the living.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.installation import (
    ROOT,
    Installation,
    connect,
    open_database,
    wait_until_idle,
)
from benchmarks.machine import read_cpu_seconds, read_memory
from benchmarks.push_rows import build_magic, build_token
from benchmarks.report import open_folder, write_report
from tests.simulator.apns import FakeApns

WORKER_CORE, OTHER_CORE = "0", "1"
GOAL = 2000
SECONDS = 300
SILENT_DAYS = 40


@dataclass(frozen=True)
class Result:
    """Of one measurement: seconds from the first push to the last of a living device.

    `per_cpu`: pushes for each CPU second of the worker, its rows included; `ceiling`: what the
    fake APNs takes a second of a prepared client, 0 where not measured; `begin`: seconds from
    the task's start to the first push; `memory` in MB, the largest of the worker's processes.
    """

    database: str
    dead: int
    silent_days: int
    living: int
    seconds: float
    per_second: float
    per_cpu: float
    ceiling: float
    begin: float
    memory: float
    database_cpu_ms: float


def measure_ceiling(apns: FakeApns, *, topic: str, count: int, folder: Path) -> float:
    """Return how many prepared pushes a second the fake APNs takes."""
    identity = folder / "push.pem"
    identity.write_bytes(apns.issue_push_certificate(topic).pem)
    command = ["taskset", "-c", WORKER_CORE, sys.executable, "-m", "benchmarks.apns_load"]
    command += ["--port", str(apns.port), "--ca", str(folder / "ca.pem"), "--topic", topic]
    command += ["--identity", str(identity), "--count", str(count)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True)
    return count / float(done.stdout)


def measure(
    installation: Installation,
    apns: FakeApns,
    *,
    dead: int,
    silent_days: int,
    living: int,
    ceiling: float,
) -> Result:
    """Push to so many devices, none twice, in one worker; raises RuntimeError where not."""
    installation.run_module(
        *("benchmarks.push_rows", "add", "--dead", str(dead)),
        *("--silent-days", str(silent_days), "--living", str(living)),
    )
    database = installation.database.process
    apns.deliveries.clear()
    with installation.work(cores=WORKER_CORE) as worker:
        cpu = read_cpu_seconds(worker), read_cpu_seconds(database) if database else 0.0
        asked = time.time()
        installation.run_module("benchmarks.push_rows", "push")
        apns.wait_for_deliveries(dead + living, seconds=SECONDS)
        deliveries = list(apns.deliveries)
        wait_until_idle(worker)
        used = read_cpu_seconds(worker) - cpu[0]
        database_used = read_cpu_seconds(database) - cpu[1] if database else 0.0
        memory = read_memory(worker)
    if len({each.token for each in deliveries}) != len(apns.deliveries):
        raise RuntimeError("a device was pushed twice")
    first = min(each.at for each in deliveries)
    seconds = max(each.at for each in deliveries if each.status == 200) - first
    total = max(each.at for each in deliveries) - first
    return Result(
        database=installation.database.kind,
        dead=dead,
        silent_days=silent_days,
        living=living,
        seconds=seconds,
        per_second=(dead + living) / total,
        per_cpu=(dead + living) / used,
        ceiling=ceiling,
        begin=first - asked,
        memory=memory,
        database_cpu_ms=1000 * database_used / (dead + living),
    )


def run_database(kind: str, *, devices: int, folder: Path) -> Iterator[Result]:
    with FakeApns() as apns, open_database(kind, folder=folder) as database:
        (folder / "ca.pem").write_bytes(apns.ca_pem)
        data = folder / "data"
        data.mkdir()
        installation = Installation(data, database)
        installation.extra = {
            "GUARDMDM_APNS_HOST": "localhost",
            "GUARDMDM_APNS_PORT": str(apns.port),
            "GUARDMDM_APNS_CA": str(folder / "ca.pem"),
        }
        installation.manage("bootstrap", "--demo")
        topic = read_topic(installation)
        register(apns, topic=topic, count=devices)
        os.sched_setaffinity(0, {int(OTHER_CORE)})
        if database.process:
            os.sched_setaffinity(database.process, {int(OTHER_CORE)})
        ceiling = measure_ceiling(apns, topic=topic, count=devices, folder=folder)
        many, few = devices * 9 // 10, devices - devices * 9 // 10
        for dead, silent_days, living in (
            (0, 0, devices),
            (0, 0, few),
            (many, SILENT_DAYS, few),
            (many, 0, few),
        ):
            yield measure(
                installation,
                apns,
                dead=dead,
                silent_days=silent_days,
                living=living,
                ceiling=ceiling,
            )
        os.sched_setaffinity(0, range(os.cpu_count() or 1))


def read_topic(installation: Installation) -> str:
    with connect(installation.database) as cursor:
        cursor.execute("SELECT topic FROM devices_pushcertificate")
        return str(cursor.fetchone()[0])


def register(apns: FakeApns, *, topic: str, count: int) -> None:
    """The fake APNs knows the living, and every second dead one as a device that has left."""
    for number in range(count):
        apns.register(build_token(number, is_dead=False), build_magic(number), topic)
        if number % 2:
            apns.unregister(build_token(number, is_dead=True))


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--devices", type=int, default=10_000)
    parser.add_argument("--quick", action="store_true", help="SQLite, 1,000 devices")
    options = parser.parse_args()
    if options.quick:
        options.databases, options.devices = ["sqlite"], 1000
    return options


def main() -> None:
    options, results = read_options(), []
    print(f"{HEADER}\n{'-' * len(HEADER)}")
    for kind in options.databases:
        with open_folder() as folder:
            for result in run_database(kind, devices=options.devices, folder=folder):
                results.append(result)
                print(format_result(result), flush=True)
    path = write_report("push", options=options, results=results)
    print(f"\nThe goal is {GOAL:,} pushes for each CPU second. {path} has it all.")


HEADER = (
    "database     dead silent d  living   last living s   per second  per CPU s   fake's ceiling"
    "   first s    MB   database CPU ms"
)


def format_result(result: Result) -> str:
    return (
        f"{result.database:<10}{result.dead:>7,}{result.silent_days:>9}{result.living:>8,}{result.seconds:>16.2f}"
        f"{result.per_second:>13,.0f}{result.per_cpu:>11,.0f}{result.ceiling:>17,.0f}"
        f"{result.begin:>10.2f}{result.memory:>6.0f}{result.database_cpu_ms:>18.2f}"
    )


if __name__ == "__main__":
    main()
