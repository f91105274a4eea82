"""Device messages a second beside nanomdm, the leading open-source MDM server, in one run.

    python -m benchmarks.peer_mdm --peer ~/go/bin/nanomdm [--tuned …/nanomdm-with-a-pool]

Both servers have the same devices, whose identities our CA has issued, tables of their own on one
PostgreSQL server, and get the same bytes but for the path: first we, then nanomdm, round by round.
Idle with Mdm-Signature, the same where each device was last heard of hours ago (we note that a
device is here once a minute, nanomdm each time), Idle with the certificate that a proxy forwards
(RFC 9440), TokenUpdate.

nanomdm comes from its makers: `go install github.com/micromdm/nanomdm/cmd/nanomdm@v0.9.0`. As it
ships, it keeps two connections to PostgreSQL open and makes another for each further statement at
a time. --tuned is a build of it that does not: two lines in a copy of its source, SetMaxOpenConns
and SetMaxIdleConns of the same number on the *sql.DB that storage/pgsql opens. Without nanomdm
there is nothing to measure, which is said.
"""

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.beside import HEADER, OURS, Result, Side, compare, format_result
from benchmarks.fleet import TOPIC, forget_devices
from benchmarks.installation import Database, Installation, open_database
from benchmarks.load import readdress, run_round
from benchmarks.messages import CERTIFICATE_HEADER, CHECKIN, Fleet, build_token_update
from benchmarks.peers import PeerMissing, find_program, find_schema, read_module, run_nanomdm
from benchmarks.report import open_folder, write_report

PATH = "/mdm"
SHIPPED, TUNED = "nanomdm", "nanomdm, tuned"
IDLE, FIRST, TOKENS = "Idle", "Idle, first in hours", "TokenUpdate"
FORWARDED = "Idle by certificate"
# How many times the peer's rate ours shall be.
GOALS = {
    IDLE: {SHIPPED: 5.0, TUNED: 2.5},
    FIRST: {},
    FORWARDED: {TUNED: 4.0},
    TOKENS: {TUNED: 2.0},
}
MEETINGS = 8
"""Messages of each device before we are measured, so that each of our processes knows it."""
PROXY = {
    "GUARDMDM_CLIENT_CERT_HEADER": CERTIFICATE_HEADER,
    "GUARDMDM_TRUSTED_PROXIES": "127.0.0.1",
}


class Contest:
    """Our server and nanomdm, as it ships and tuned, with the same enrolled devices."""

    def __init__(self, folder: Path, database: Database, options: argparse.Namespace) -> None:
        self.folder, self.database, self.options = folder, database, options
        self.cores = ",".join(str(core) for core in range(os.cpu_count() or 1))
        self.installation = Installation(folder / "data", database)
        (folder / "data").mkdir()
        self.installation.manage("bootstrap")
        made = self.installation.run(sys.executable, "-m", "benchmarks.fleet", str(options.devices))
        self.fleet = Fleet(self.installation.port, **made)
        udids = [device["udid"] for device in self.fleet.devices]
        self.authenticates = [build_authenticate(udid) for udid in udids]
        self.updates = [build_token_update(udid) for udid in udids]
        self.idles = [{"Status": "Idle", "UDID": udid} for udid in udids]

    def run(self) -> Iterator[Result]:
        """Measure every kind of work at every number of connections."""
        wanted = self.options.work or list(GOALS)
        if {IDLE, FIRST, TOKENS} & {*wanted}:
            idles = self.fleet.sign(self.idles)
            updates = self.fleet.sign(self.updates, path=CHECKIN)
            first = [self.fleet.sign(self.authenticates, path=CHECKIN), updates]
            with self.open_sides(first) as sides:
                works = {IDLE: idles * self.options.repeats, FIRST: idles, TOKENS: updates}
                yield from self.measure(sides, works)
        if FORWARDED in wanted:
            idles = self.fleet.forward(self.idles) * self.options.repeats
            first = [
                self.fleet.forward(messages, path=CHECKIN)
                for messages in (self.authenticates, self.updates)
            ]
            self.installation.extra = PROXY
            with self.open_sides(first, certificate_header=CERTIFICATE_HEADER) as sides:
                yield from self.measure(sides, {FORWARDED: idles})

    def measure(self, sides: Sequence[Side], works: dict[str, list[bytes]]) -> Iterator[Result]:
        for work, requests in works.items():
            if self.options.work and work not in self.options.work:
                continue
            for connections in self.options.connections:
                yield from compare(
                    sides,
                    work=work,
                    requests=[self.list_rounds(requests, side=side.name) for side in sides],
                    connections=connections,
                    is_good=is_good,
                    goals=GOALS[work],
                    before_round=partial(forget_devices, self.database) if work == FIRST else None,
                )

    def list_rounds(self, requests: list[bytes], *, side: str) -> list[list[bytes]]:
        """Return the warm-up and the rounds."""
        rounds = self.options.rounds
        if side == OURS:
            meetings = requests * -(-MEETINGS * len(self.idles) // len(requests))
            return [meetings, *[requests] * rounds]
        return [[readdress(each, path=PATH) for each in requests]] * (1 + rounds)

    @contextlib.contextmanager
    def open_sides(
        self, first: Sequence[list[bytes]], *, certificate_header: str = ""
    ) -> Iterator[list[Side]]:
        """Start all of them; `first` is what enrolls the devices at nanomdm too."""
        programs = {SHIPPED: self.options.peer, TUNED: self.options.tuned}
        workers = os.cpu_count() or 1
        with contextlib.ExitStack() as stack:
            process = stack.enter_context(
                self.installation.serve(workers=workers, cores=self.cores)
            )
            sides = [Side(OURS, self.installation.port, process, self.database.process)]
            for number, (name, program) in enumerate(programs.items()):
                if not program:
                    continue
                folder = self.folder / f"nanomdm-{number}{certificate_header.lower()}"
                side = stack.enter_context(
                    run_nanomdm(
                        program,
                        name=name,
                        folder=folder,
                        database=self.database,
                        schema=self.options.schema,
                        authority=self.fleet.authority,
                        cores=self.cores,
                        certificate_header=certificate_header,
                    )
                )
                enroll(first, side=side, log=folder / "log")
                sides.append(side)
            yield sides


def enroll(messages: Sequence[list[bytes]], *, side: Side, log: Path) -> None:
    """Send what devices send first; raises RuntimeError where one of them was refused."""
    for each in messages:
        requests = [readdress(request, path=PATH) for request in each]
        outcome = run_round(requests, port=side.port, connections=4)
        if not all(map(is_good, outcome.answers)):
            raise RuntimeError(f"it has not enrolled all devices: {log.read_text()[-1000:]}")


def build_authenticate(udid: str) -> dict[str, Any]:
    return {"MessageType": "Authenticate", "UDID": udid, "Topic": TOPIC, "SerialNumber": udid[-12:]}


def is_good(answer: bytes) -> bool:
    return answer.startswith(b"HTTP/1.1 200")


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--peer", type=Path, help="nanomdm as it ships; else searched for")
    parser.add_argument("--tuned", type=Path, help="a build of it with a pool of connections")
    parser.add_argument("--schema", type=Path, help="its tables; else from its module's folder")
    parser.add_argument("--connections", nargs="+", type=int, default=[8, 32, 128])
    parser.add_argument("--work", nargs="+", choices=list(GOALS), help="default: all")
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=2, help="Idles of each device in a round")
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


def main() -> None:
    options, results = read_options(), []
    try:
        options.peer = find_program("nanomdm", given=options.peer)
        options.schema = find_schema(options.peer, given=options.schema)
    except PeerMissing as error:
        print(f"Nothing is measured beside nanomdm: {error}.")
        return
    print(f"{HEADER}\n{'-' * len(HEADER)}", flush=True)
    with open_folder() as folder, open_database("postgresql", folder=folder) as database:
        for result in Contest(folder, database, options).run():
            results.append(result)
            print(format_result(result), flush=True)
    peer = read_module(options.peer)
    shown = argparse.Namespace(**{key: str(value) for key, value in vars(options).items()})
    path = write_report("peer_mdm", options=shown, results=results, peer=peer)
    print(f"\n{path} has it all.")


if __name__ == "__main__":
    main()
