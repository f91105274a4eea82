"""The enrollment page and the signed profile, beside the machine's RSA-2048 signatures a second.

    python -m benchmarks.enroll                 both databases, some minutes
    python -m benchmarks.enroll --quick         SQLite, a smaller crowd, under a minute

Two measurements. *Work*: one kind of request as fast as eight connections send it, with the
server's CPU for each. *Crowd*: 200 people with an iPhone who open the page within ten seconds,
read it for a few seconds, start, download their profile and leave the page polling; what each
kind of request took them. Server, database and crowd share the machine's cores. The goals, on two
cores: 95 of 100 pages within 150 ms, profiles within 300 ms; a profile, built and signed, at half
the rate at which `openssl speed` makes one signature after the other on as many cores.
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from benchmarks.installation import Database, Installation, open_database
from benchmarks.load import END_OF_HEAD, LENGTH, Outcome, run_round
from benchmarks.machine import measure_signatures, read_cpu_seconds
from benchmarks.report import open_folder, write_report

USER_AGENT = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
)
PAGE = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
DATA = "application/json"
FORM = "application/x-www-form-urlencoded"
CONNECTIONS = 8
ARRIVAL, READING, POLL_EVERY, STAY = 10.0, (1.0, 4.0), 3.0, 30.0
"""Seconds: all have come, a person reads, the page asks, a person waits."""
GOALS_MS = {"page": 150.0, "profile": 300.0}
GOAL_SHARE = 0.5


@dataclass(frozen=True)
class Result:
    """Milliseconds but for `rate` (a second); `share`: of the RSA signatures on all cores."""

    database: str
    kind: str
    work: str
    count: int
    errors: int
    rate: float
    share: float | None
    server_cpu: float
    database_cpu: float
    p50: float
    p95: float
    p99: float
    load_average: float


def build_get(path: str, *, port: int, accept: str = PAGE) -> bytes:
    fields = {"Host": f"127.0.0.1:{port}", "User-Agent": USER_AGENT, "Accept": accept}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode()


def build_start(token: str, *, port: int) -> bytes:
    """Return the request of the page's button."""
    body = urlencode({"token": token}).encode()
    head = build_get("/enroll/sessions", port=port, accept=DATA).replace(b"GET", b"POST", 1)
    fields = f"Content-Type: {FORM}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    return head.removesuffix(b"\r\n") + fields + body


def read_json(answer: bytes) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(answer.partition(END_OF_HEAD)[2])
    return value


def is_error(answer: bytes) -> bool:
    status = answer.split(b" ", 2)[1]
    return status not in (b"200", b"201")


class Bench:
    """One running server with a token for any number of devices."""

    def __init__(self, installation: Installation) -> None:
        self.installation, self.database = installation, installation.database
        self.port, self.server = installation.port, 0
        installation.manage("bootstrap", "--demo")
        profile = ("create_scep_profile", "--name", "benchmark", "--challenge", "dynamic")
        installation.manage(*profile)
        made = installation.manage(
            "create_token", "--name", "benchmark", "--scep-profile", "benchmark", "--max-uses", "0"
        )
        url = urlsplit(made["url"])
        self.token, self.page = made["token"], f"{url.path}?{url.query}"

    def read_cpu(self) -> tuple[float, float]:
        database = self.database.process
        return read_cpu_seconds(self.server), read_cpu_seconds(database) if database else 0.0

    def build_work(self, count: int) -> dict[str, list[bytes]]:
        """Return `count` requests of each kind; profiles and polls are of sessions of their own."""
        page, start = build_get(self.page, port=self.port), build_start(self.token, port=self.port)
        opened = run_round([start] * count, port=self.port, connections=CONNECTIONS)
        states = [read_json(answer) for answer in opened.answers]
        return {
            "page": [page] * count,
            "start": [start] * count,
            "profile": [build_get(state["profile_url"], port=self.port) for state in states],
            "poll": [
                build_get(state["status_url"], port=self.port, accept=DATA) for state in states
            ],
        }


def measure_work(bench: Bench, *, count: int, rounds: int) -> Iterator[Result]:
    cores = os.cpu_count() or 1
    for work, requests in bench.build_work(count).items():
        signatures = cores * measure_signatures("rsa2048")
        run_round(requests[: max(1, count // 10)], port=bench.port, connections=CONNECTIONS)
        before = bench.read_cpu()
        outcomes = [
            run_round(requests, port=bench.port, connections=CONNECTIONS) for _ in range(rounds)
        ]
        used = subtract(bench.read_cpu(), before)
        rate = statistics.median(len(each.answers) / each.seconds for each in outcomes)
        yield build_result(
            bench, kind="work", work=work, outcomes=outcomes, rate=rate, used=used,
            share=rate / signatures,
        )  # fmt: skip


def build_result(
    bench: Bench,
    *,
    kind: str,
    work: str,
    outcomes: Sequence[Outcome],
    rate: float,
    used: tuple[float, float] = (0.0, 0.0),
    share: float | None = None,
) -> Result:
    latencies = sorted(1000 * seconds for each in outcomes for seconds in each.latencies)
    done = len(latencies)
    return Result(
        database=bench.database.kind,
        kind=kind,
        work=work,
        count=done,
        errors=sum(is_error(answer) for each in outcomes for answer in each.answers),
        rate=rate,
        share=share,
        server_cpu=1000 * used[0] / done,
        database_cpu=1000 * used[1] / done,
        p50=latencies[done // 2],
        p95=latencies[done * 95 // 100],
        p99=latencies[done * 99 // 100],
        load_average=os.getloadavg()[0],
    )


def subtract(after: tuple[float, float], before: tuple[float, float]) -> tuple[float, float]:
    return after[0] - before[0], after[1] - before[1]


class Visitor:
    """One person: a browser's kept connection, and how long each answer took."""

    def __init__(self, bench: Bench, outcomes: dict[str, Outcome], *, seed: int) -> None:
        self.bench, self.outcomes, self.chance = bench, outcomes, random.Random(seed)

    async def visit(self) -> None:
        await asyncio.sleep(self.chance.uniform(0, ARRIVAL))
        reader, writer = await asyncio.open_connection("127.0.0.1", self.bench.port)
        self.reader, self.writer = reader, writer
        try:
            await self._enroll()
        finally:
            writer.close()

    async def _enroll(self) -> None:
        port = self.bench.port
        await self._ask("page", build_get(self.bench.page, port=port))
        await asyncio.sleep(self.chance.uniform(*READING))
        started = await self._ask("start", build_start(self.bench.token, port=port))
        state = read_json(started)
        await self._ask("profile", build_get(state["profile_url"], port=port))
        poll = build_get(state["status_url"], port=port, accept=DATA)
        leaves = time.monotonic() + STAY
        while time.monotonic() < leaves:
            await asyncio.sleep(POLL_EVERY)
            await self._ask("poll", poll)

    async def _ask(self, work: str, request: bytes) -> bytes:
        started = time.perf_counter()
        self.writer.write(request)
        head = await self.reader.readuntil(END_OF_HEAD)
        lowered = head.lower()
        length = lowered[lowered.index(LENGTH) + len(LENGTH) :].split(b"\r\n", 1)[0]
        answer = head + await self.reader.readexactly(int(length))
        outcome = self.outcomes[work]
        outcome.latencies.append(time.perf_counter() - started)
        outcome.answers.append(answer)
        return answer


def measure_crowd(bench: Bench, *, people: int) -> Iterator[Result]:
    outcomes: dict[str, Outcome] = defaultdict(Outcome)

    async def visit_all() -> None:
        visitors = (Visitor(bench, outcomes, seed=number) for number in range(people))
        await asyncio.gather(*(visitor.visit() for visitor in visitors))

    started = time.perf_counter()
    asyncio.run(visit_all())
    seconds = time.perf_counter() - started
    for work, outcome in outcomes.items():
        rate = len(outcome.answers) / seconds
        yield build_result(bench, kind="crowd", work=work, outcomes=[outcome], rate=rate)


def run_database(
    database: Database, *, folder: Path, options: argparse.Namespace
) -> Iterator[Result]:
    folder.mkdir()
    bench = Bench(Installation(folder, database))
    cores = os.cpu_count() or 1
    pinned = ",".join(str(core) for core in range(cores))
    with bench.installation.serve(workers=cores, cores=pinned) as bench.server:
        yield from measure_work(bench, count=options.count, rounds=options.rounds)
        yield from measure_crowd(bench, people=options.people)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--databases", nargs="+", default=["postgresql", "sqlite"])
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--count", type=int, default=1000, help="requests of a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="SQLite, 50 people, few requests")
    options = parser.parse_args()
    if options.quick:
        options.databases, options.people = ["sqlite"], 50
        options.count, options.rounds = 200, 1
    return options


HEADER = (
    "database    kind   work      count  errors   per second  of RSA-2048   CPU ms: server"
    "  database    p50 ms   p95 ms   p99 ms   goal   load"
)


def format_result(result: Result) -> str:
    share = f"{result.share:.0%}" if result.share else "–"
    goal = f"{GOALS_MS[result.work]:.0f}" if result.work in GOALS_MS else "–"
    return (
        f"{result.database:<11} {result.kind:<6} {result.work:<8}{result.count:>7}"
        f"{result.errors:>8}{result.rate:>13.0f}{share:>13}{result.server_cpu:>17.2f}"
        f"{result.database_cpu:>10.2f}{result.p50:>10.1f}{result.p95:>9.1f}{result.p99:>9.1f}"
        f"{goal:>7}{result.load_average:>7.1f}"
    )


def main() -> None:
    options, results = read_options(), []
    print(f"{HEADER}\n{'-' * len(HEADER)}", flush=True)
    for kind in options.databases:
        with open_folder() as folder, open_database(kind, folder=folder) as database:
            for result in run_database(database, folder=folder / "data", options=options):
                results.append(result)
                print(format_result(result), flush=True)
    goals = {"ms": GOALS_MS, "profile, share of RSA-2048": GOAL_SHARE}
    path = write_report("enroll", options=options, results=results, goals=goals)
    print(f"\n{path} has it all.")


if __name__ == "__main__":
    main()
