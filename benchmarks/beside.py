"""Servers beside each other: the same requests to one after the other, round by round.

What else the machine does meets all of them alike then, and a ratio is that of one round.
"""

import os
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.load import Outcome, run_round
from benchmarks.machine import read_cpu_seconds

OURS = "guardmdm"


@dataclass
class Side:
    """One running server: its first process, and that of its database, where it has one."""

    name: str
    port: int
    process: int
    database: int | None

    def read_cpu(self) -> tuple[float, float]:
        database = read_cpu_seconds(self.database) if self.database else 0.0
        return read_cpu_seconds(self.process), database


@dataclass
class Tally:
    """The rounds of one side; CPU in seconds, of server, database and client."""

    outcomes: list[Outcome] = field(default_factory=list)
    good: list[int] = field(default_factory=list)
    cpu: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])

    @property
    def rates(self) -> list[float]:
        return [good / each.seconds for good, each in zip(self.good, self.outcomes, strict=True)]


@dataclass(frozen=True)
class Result:
    """Good answers a second (median, least, most), latencies in ms, CPU in µs a good answer.

    `times_rate`, `times_cpu`: how many times its rate ours is, in the median of the rounds, and
    how many times our CPU, server and database together, it has used for one good answer.
    """

    side: str
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
    asked: int
    times_rate: float
    times_cpu: float
    goal: float | None
    load_average: float


def compare(
    sides: Sequence[Side],
    *,
    work: str,
    requests: Sequence[Sequence[Sequence[bytes]]],
    connections: int,
    is_good: Callable[[bytes], bool],
    goals: dict[str, float],
    before_round: Callable[[], None] | None = None,
) -> list[Result]:
    """Send requests[side][round] in turns, ours first; the first round of each is a warm-up."""
    tallies = [Tally() for _ in sides]
    for number, one_round in enumerate(zip(*requests, strict=True)):
        if before_round:
            before_round()
        for side, tally, batch in zip(sides, tallies, one_round, strict=True):
            before = side.read_cpu()
            outcome = run_round(batch, port=side.port, connections=connections)
            after = side.read_cpu()
            if number == 0:
                continue
            tally.outcomes.append(outcome)
            tally.good.append(sum(map(is_good, outcome.answers)))
            for place in (0, 1):
                tally.cpu[place] += after[place] - before[place]
            tally.cpu[2] += outcome.client_cpu
    return [
        summarize(
            tally,
            ours=tallies[0],
            side=side.name,
            work=work,
            connections=connections,
            goal=goals.get(side.name),
        )
        for side, tally in zip(sides, tallies, strict=True)
    ]


def summarize(
    tally: Tally, *, ours: Tally, side: str, work: str, connections: int, goal: float | None
) -> Result:
    latencies = sorted(1000 * each for outcome in tally.outcomes for each in outcome.latencies)
    asked, good = len(latencies), sum(tally.good)
    server_cpu, database_cpu, client_cpu = (
        1e6 * seconds / good if good else float("inf") for seconds in tally.cpu
    )
    our_cpu = 1e6 * sum(ours.cpu[:2]) / sum(ours.good)
    return Result(
        side=side,
        work=work,
        connections=connections,
        rate=statistics.median(tally.rates),
        least=min(tally.rates),
        most=max(tally.rates),
        p50=latencies[asked // 2],
        p99=latencies[asked * 99 // 100],
        server_cpu=server_cpu,
        database_cpu=database_cpu,
        client_cpu=client_cpu,
        errors=asked - good,
        asked=asked,
        times_rate=statistics.median(
            mine / its if its else float("inf")
            for mine, its in zip(ours.rates, tally.rates, strict=True)
        ),
        times_cpu=(server_cpu + database_cpu) / our_cpu,
        goal=goal,
        load_average=os.getloadavg()[0],
    )


HEADER = (
    "work                  connections  server            per second (least–most)    p50 ms  p99 ms"
    "   CPU µs: server  database  client   errors   ours: rate    CPU  goal   load"
)


def format_result(result: Result) -> str:
    goal = f"{result.goal:>5.1f}×" if result.goal else "     –"
    times = f"{result.times_rate:>11.1f}× {result.times_cpu:>5.1f}×"
    if result.side == OURS:
        times = f"{'–':>12} {'–':>6}"
    return (
        f"{result.work:<22}{result.connections:>11}  {result.side:<16}"
        f"   {result.rate:>7.0f} ({result.least:>5.0f}–{result.most:<5.0f})"
        f"{result.p50:>10.1f}{result.p99:>8.1f}"
        f"{result.server_cpu:>17.0f}{result.database_cpu:>10.0f}{result.client_cpu:>8.0f}"
        f"{result.errors / result.asked:>9.1%}{times}{goal}{result.load_average:>7.1f}"
    )
