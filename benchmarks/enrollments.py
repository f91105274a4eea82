"""Whole enrollments a second, from the page to the TokenUpdate, beside what their steps allow.

    python -m benchmarks.enrollments            both databases, some minutes
    python -m benchmarks.enrollments --quick    SQLite, few devices

Simulated iPhones make the requests themselves, each its next one from the answer to the one
before, while no clock runs; then all that wait are sent at once over a few connections. *Alone*:
the devices go in step, so each round is one kind of request. The limit is what these rates would
allow, one step after the other. *Together*: one group of devices after the other sets off, so that
each round has all kinds of requests, and workers queue the policies of those that have arrived.
The goal: half of the limit.
"""

import argparse
import os
import statistics
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread

import httpx
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from benchmarks.installation import Installation, wait_until_idle
from benchmarks.load import END_OF_HEAD, Outcome, read_body, run_round
from benchmarks.machine import read_cpu_seconds
from benchmarks.report import write_report
from benchmarks.surroundings import open_installation
from tests.simulator import SimulatedDevice
from tests.simulator.apns import FakeApns
from tests.simulator.scep import generate_key

STEPS = (
    "page",
    "session",
    "root CA",
    "profile",
    "GetCACert",
    "GetCACaps",
    "PKIOperation",
    "Authenticate",
    "TokenUpdate",
)
GOAL = 0.5


@dataclass(frozen=True)
class Result:
    """Rates a second, CPU in ms. `step`: "whole" for enrollments together, `share` of the limit."""

    database: str
    step: str
    count: int
    rate: float
    server_cpu: float
    database_cpu: float
    client_cpu: float
    share: float | None = None


class Walk(httpx.BaseTransport):
    """One device on its way, in a thread of its own; it waits until somebody answers."""

    def __init__(self, url: str, *, key: rsa.RSAPrivateKey, apns: FakeApns) -> None:
        self._requests, self._answers = SimpleQueue[bytes](), SimpleQueue[bytes]()
        self._url = url
        self._device = SimulatedDevice("ios", http=httpx.Client(transport=self), key=key)
        self._device.on_token = lambda device: apns.register(
            device.state.token, device.state.push_magic, device.topic
        )
        Thread(target=self._go, daemon=True).start()

    def take_request(self) -> bytes:
        """Wait for the device's next request; empty when it has arrived, or given up."""
        return self._requests.get()

    def answer(self, data: bytes) -> None:
        self._answers.put(data)

    @property
    def has_arrived(self) -> bool:
        return self._device.is_enrolled

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        fields = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        target = request.url.raw_path.decode()
        head = f"{request.method} {target} HTTP/1.1\r\n{fields}\r\n".encode()
        self._requests.put(head + request.read())
        return read_response(self._answers.get())

    def _go(self) -> None:
        try:
            self._device.open_page(self._url)
            self._device.download_profile(self._url)
            self._device.obtain_identity()
            self._device.authenticate()
            self._device.token_update()
        finally:
            self._requests.put(b"")


def read_response(answer: bytes) -> httpx.Response:
    head = answer.partition(END_OF_HEAD)[0].decode("latin-1")
    status, *fields = head.split("\r\n")
    headers = [(name, value) for name, _, value in (field.partition(": ") for field in fields)]
    return httpx.Response(int(status.split(" ")[1]), headers=headers, content=read_body(answer))


class Bench:
    """A running server, a token for any number of devices, and keys made beforehand."""

    def __init__(self, installation: Installation, apns: FakeApns, *, devices: int) -> None:
        self.installation, self.apns, self.server = installation, apns, 0
        profile = ("create_scep_profile", "--name", "benchmark", "--challenge", "dynamic")
        installation.manage(*profile)
        token = ("create_token", "--name", "benchmark", "--scep-profile", "benchmark")
        self.url = installation.manage(*token, "--max-uses", "0")["url"]
        with ProcessPoolExecutor() as pool:
            made = pool.map(make_key, range(devices), chunksize=10)
            self._keys = [read_key(der) for der in made]

    def set_off(self, count: int) -> list[Walk]:
        """Send so many devices on their way, each with a key that no other has."""
        keys = [self._keys.pop() for _ in range(count)]
        return [Walk(self.url, key=key, apns=self.apns) for key in keys]

    def send(self, walks: Sequence[Walk], *, connections: int) -> Outcome:
        """Answer what they all ask for; only the sending is in the outcome's seconds."""
        requests = [walk.take_request() for walk in walks]
        if not all(requests):
            raise RuntimeError("a device has given up, or asks for fewer things than it did")
        outcome = run_round(requests, port=self.installation.port, connections=connections)
        for walk, answer in zip(walks, outcome.answers, strict=True):
            walk.answer(answer)
        return outcome

    def read_cpu(self) -> tuple[float, float]:
        process = self.installation.database.process
        return read_cpu_seconds(self.server), read_cpu_seconds(process) if process else 0.0


def make_key(number: int) -> bytes:
    del number
    return generate_key().private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def read_key(der: bytes) -> rsa.RSAPrivateKey:
    key = load_der_private_key(der, password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def finish(walks: Sequence[Walk]) -> None:
    """Raises RuntimeError unless all have arrived."""
    if any(walk.take_request() for walk in walks) or not all(walk.has_arrived for walk in walks):
        raise RuntimeError("a device has not arrived after its last step")


def measure_alone(bench: Bench, *, count: int, connections: int) -> Iterator[Result]:
    """One kind of request after the other, of devices that go in step."""
    walks = bench.set_off(count)
    for step in STEPS:
        before = bench.read_cpu()
        outcome = bench.send(walks, connections=connections)
        yield build_result(bench, step, [outcome], before=before, whole=count)
    finish(walks)


def measure_together(
    bench: Bench, *, group: int, rounds: int, connections: int, limit: float
) -> Result:
    """All kinds of requests at once: each round takes a group from each step to the next."""
    under_way: list[list[Walk]] = []
    outcomes: list[Outcome] = []
    before = bench.read_cpu()
    for number in range(len(STEPS) - 1 + rounds):
        if number == len(STEPS) - 1:
            before = bench.read_cpu()
        under_way.insert(0, bench.set_off(group))
        outcome = bench.send([walk for walks in under_way for walk in walks],
                             connections=connections)  # fmt: skip
        if len(under_way) == len(STEPS):
            outcomes.append(outcome)
            finish(under_way.pop())
    return build_result(bench, "whole", outcomes, before=before, whole=group * rounds, limit=limit)


def build_result(
    bench: Bench,
    step: str,
    outcomes: Sequence[Outcome],
    *,
    before: tuple[float, float],
    whole: int,
    limit: float | None = None,
) -> Result:
    used = [now - then for now, then in zip(bench.read_cpu(), before, strict=True)]
    each = whole / len(outcomes)
    rate = statistics.median(each / outcome.seconds for outcome in outcomes)
    return Result(
        database=bench.installation.database.kind,
        step=step,
        count=whole,
        rate=rate,
        server_cpu=1000 * used[0] / whole,
        database_cpu=1000 * used[1] / whole,
        client_cpu=1000 * sum(outcome.client_cpu for outcome in outcomes) / whole,
        share=rate / limit if limit else None,
    )


def run_database(kind: str, options: argparse.Namespace) -> Iterator[Result]:
    cores = os.cpu_count() or 1
    devices = options.alone + options.group * (len(STEPS) - 1 + options.rounds)
    with open_installation(kind) as (installation, apns):
        bench = Bench(installation, apns, devices=devices)
        pinned = ",".join(str(core) for core in range(cores))
        with installation.serve(workers=cores, cores=pinned) as bench.server:
            alone = []
            for result in measure_alone(
                bench, count=options.alone, connections=options.connections
            ):
                alone.append(result)
                yield result
            wait_until_idle(bench.server)
            yield measure_together(
                bench,
                group=options.group,
                rounds=options.rounds,
                connections=options.connections,
                limit=1 / sum(1 / each.rate for each in alone),
            )


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.enrollments")
    parser.add_argument("--databases", nargs="+", default=["postgresql", "sqlite"])
    parser.add_argument("--alone", type=int, default=300, help="devices that go in step")
    parser.add_argument("--group", type=int, default=40, help="devices at each step together")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--quick", action="store_true", help="SQLite, few devices")
    options = parser.parse_args()
    if options.quick:
        options.databases, options.alone = ["sqlite"], 50
        options.group, options.rounds = 10, 3
    return options


HEADER = (
    "database    step           count   per second   of the limit"
    "   CPU ms: server  database  client"
)


def format_result(result: Result) -> str:
    share = f"{result.share:.0%}" if result.share else "–"
    return (
        f"{result.database:<11} {result.step:<13}{result.count:>7}{result.rate:>13.0f}{share:>15}"
        f"{result.server_cpu:>17.2f}{result.database_cpu:>10.2f}{result.client_cpu:>8.2f}"
    )


def main() -> None:
    options, results = read_options(), []
    print(f"{HEADER}\n{'-' * len(HEADER)}", flush=True)
    for kind in options.databases:
        for result in run_database(kind, options):
            results.append(result)
            print(format_result(result), flush=True)
    path = write_report("enrollments", options=options, results=results, goal=GOAL)
    print(f"\n{path} has it all.")


if __name__ == "__main__":
    main()
