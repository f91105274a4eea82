"""Device messages a second on PUT /mdm/…, beside what PostgreSQL's own pgbench does.

    python -m benchmarks.mdm                 all of it, some minutes
    python -m benchmarks.mdm --quick         SQLite, few requests, under a minute

Requests are signed beforehand, by simulated devices whose identities the server's own CA has
issued. Server, database and client share the machine's cores. The goals: an Idle on PostgreSQL
costs at most 450 µs of CPU, server and database together, and runs at 30 % of the rate at which
pgbench updates single rows by a prepared statement over 8 connections in the same run; a connect
that hands out a command, and its result, run at half the rate of an Idle.
"""

import argparse
import os
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.fleet import forget_devices
from benchmarks.installation import Database, Installation, copy_row, open_database
from benchmarks.load import END_OF_HEAD, Outcome, run_round
from benchmarks.machine import measure_updates, read_cpu_seconds
from benchmarks.messages import CHECKIN, Fleet, build_token_update
from benchmarks.report import open_folder, write_report

APPLICATIONS = 1500
"""As many make an answer of 500 KB."""


@dataclass(frozen=True)
class Result:
    """Rates a second (median, least, most), latencies in ms, CPU in µs a request."""

    database: str
    work: str
    connections: int
    rate: float
    least: float
    most: float
    p50: float
    p99: float
    server_cpu: float
    database_cpu: float
    client_cpu: float
    errors: int
    share_of_updates: float | None
    load_average: float


class Bench:
    """One running server, its devices, and how each kind of work is done to it once."""

    def __init__(self, installation: Installation, options: argparse.Namespace) -> None:
        self.installation, self.database = installation, installation.database
        made = installation.run(sys.executable, "-m", "benchmarks.fleet", str(options.devices))
        self.fleet = Fleet(installation.port, **made)
        self.count, self.repeats = options.devices, options.repeats
        self.large_count = min(options.devices, options.large)
        self.round = 0
        self.server = 0
        self.used = [0.0, 0.0]
        """CPU seconds of server and database while requests were under way, and only then."""
        self.idle = self.fleet.report(self.count, Status="Idle")
        self.updates = self.fleet.sign(
            [build_token_update(each["udid"]) for each in self.fleet.devices], path=CHECKIN
        )

    def run_idle(self, connections: int) -> list[Outcome]:
        return [self._send(self.idle * self.repeats, connections)]

    def run_first_idle(self, connections: int) -> list[Outcome]:
        """Each device was last heard of hours ago, so that each message writes it down."""
        forget_devices(self.database)
        return [self._send(self.idle, connections)]

    def run_commands(self, connections: int) -> list[Outcome]:
        """A command for each device: the Idle that takes it, and its result."""
        uuids = self._queue(self.count)
        results = self._answer(uuids)
        return [self._send(self.idle, connections), self._send(results, connections)]

    def run_token_updates(self, connections: int) -> list[Outcome]:
        return [self._send(self.updates, connections)]

    def run_large_results(self, connections: int) -> list[Outcome]:
        uuids = self._queue(self.large_count)
        results = self._answer(uuids, InstalledApplicationList=list_applications())
        used = self.used
        self._send(self.idle[: self.large_count], connections)
        self.used = used  # that was only to hand the commands out
        return [self._send(results, connections)]

    def _queue(self, count: int) -> list[str]:
        self.round += 1
        prefix = f"{os.getpid()}-{self.round}-"
        copy_row(
            self.database,
            table="devices_command",
            count=count,
            changes={
                "public_id": "'cmd_' || substr({random}, 1, 20)",
                "uuid": f"'{prefix}' || n",
                "enrollment_id": f"{self.fleet.first - 1} + n",
                "device_id": "row.device_id - 1 + n",
                "state": "'queued'",
                "completed_at": "NULL",
                "unique_key": "''",
            },
            where=f"row.id = {self.fleet.template}",
        )
        return [f"{prefix}{number}" for number in range(1, count + 1)]

    def _answer(self, uuids: Sequence[str], **answer: Any) -> list[bytes]:
        messages = [
            {"Status": "Acknowledged", "UDID": each["udid"], "CommandUUID": uuid, **answer}
            for each, uuid in zip(self.fleet.devices, uuids, strict=False)
        ]
        return self.fleet.sign(messages)

    def _send(self, requests: Sequence[bytes], connections: int) -> Outcome:
        before = self._read_cpu()
        outcome = run_round(requests, port=self.installation.port, connections=connections)
        after = self._read_cpu()
        self.used = [
            used + then - now for used, now, then in zip(self.used, before, after, strict=True)
        ]
        return outcome

    def _read_cpu(self) -> tuple[float, float]:
        database = self.database.process
        return read_cpu_seconds(self.server), read_cpu_seconds(database) if database else 0.0


WORK: dict[str, Callable[[Bench, int], list[Outcome]]] = {
    "Idle": Bench.run_idle,
    "Idle, first in hours": Bench.run_first_idle,
    "command and result": Bench.run_commands,
    "TokenUpdate": Bench.run_token_updates,
    "result of 500 KB": Bench.run_large_results,
}


def list_applications() -> list[dict[str, Any]]:
    return [
        {
            "Identifier": f"com.example.application.number{number}",
            "Name": f"Application {number}",
            "Version": "1.2.3",
            "ShortVersion": "1.2",
            "BundleSize": 123_456_789,
            "DynamicSize": 4096,
            "Installing": False,
        }
        for number in range(APPLICATIONS)
    ]


def measure(
    bench: Bench, work: str, *, connections: int, rounds: int, updates: float | None
) -> Result:
    """Run a warm-up and the rounds; only what the rounds send is counted."""
    run = WORK[work]
    run(bench, connections)
    bench.used = [0.0, 0.0]
    outcomes = [run(bench, connections) for _ in range(rounds)]
    rates = [_count(each) / sum(part.seconds for part in each) for each in outcomes]
    parts = [part for each in outcomes for part in each]
    latencies = sorted(1000 * seconds for part in parts for seconds in part.latencies)
    done = len(latencies)
    rate = statistics.median(rates)
    return Result(
        database=bench.database.kind,
        work=work,
        connections=connections,
        rate=rate,
        least=min(rates),
        most=max(rates),
        p50=latencies[done // 2],
        p99=latencies[done * 99 // 100],
        server_cpu=1e6 * bench.used[0] / done,
        database_cpu=1e6 * bench.used[1] / done,
        client_cpu=1e6 * sum(part.client_cpu for part in parts) / done,
        errors=sum(_is_error(answer) for part in parts for answer in part.answers),
        share_of_updates=rate / updates if updates else None,
        load_average=os.getloadavg()[0],
    )


def _count(outcomes: Sequence[Outcome]) -> int:
    return sum(len(each.answers) for each in outcomes)


def _is_error(answer: bytes) -> bool:
    return not answer.partition(END_OF_HEAD)[0].startswith(b"HTTP/1.1 200")


def run_database(database: Database, *, folder: Path, options: argparse.Namespace) -> Iterator[Any]:
    """Measure every kind of work at every number of connections."""
    folder.mkdir()
    installation = Installation(folder, database)
    installation.manage("bootstrap")
    bench = Bench(installation, options)
    is_sqlite = database.kind == "sqlite"
    with installation.serve(workers=os.cpu_count() or 1, cores=_list_cores()) as bench.server:
        for work in options.work or WORK:
            for connections in options.connections:
                updates = None if is_sqlite else measure_updates(database.url, connections=8)
                yield measure(
                    bench,
                    work,
                    connections=connections,
                    rounds=options.rounds,
                    updates=updates,
                )


def _list_cores() -> str:
    return ",".join(str(core) for core in range(os.cpu_count() or 1))


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--databases", nargs="+", default=["postgresql", "sqlite"])
    parser.add_argument("--connections", nargs="+", type=int, default=[8, 32, 128])
    parser.add_argument("--work", nargs="+", choices=list(WORK), help="default: all")
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--large", type=int, default=50, help="devices with a result of 500 KB")
    parser.add_argument("--repeats", type=int, default=4, help="Idles of each device in a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="SQLite, 100 devices, 2 rounds")
    options = parser.parse_args()
    if options.quick:
        options.databases, options.connections = ["sqlite"], [8]
        options.devices, options.large, options.rounds = 100, 10, 2
    return options


HEADER = (
    "database    work                 connections  per second (least–most)    p50 ms  p99 ms"
    "   CPU µs: server  database  client   errors  of UPDATEs   load"
)


def format_result(result: Result) -> str:
    share = f"{result.share_of_updates:.0%}" if result.share_of_updates else "–"
    return (
        f"{result.database:<11} {result.work:<21}{result.connections:>11}"
        f"   {result.rate:>7.0f} ({result.least:>5.0f}–{result.most:<5.0f})"
        f"{result.p50:>10.1f}{result.p99:>8.1f}"
        f"{result.server_cpu:>17.0f}{result.database_cpu:>10.0f}{result.client_cpu:>8.0f}"
        f"{result.errors:>9}{share:>12}{result.load_average:>7.1f}"
    )


def main() -> None:
    options, results = read_options(), []
    print(f"{HEADER}\n{'-' * len(HEADER)}", flush=True)
    for kind in options.databases:
        with open_folder() as folder, open_database(kind, folder=folder) as database:
            for result in run_database(database, folder=folder / "data", options=options):
                results.append(result)
                print(format_result(result), flush=True)
    path = write_report("mdm", options=options, results=results)
    print(f"\n{path} has it all.")


if __name__ == "__main__":
    main()
