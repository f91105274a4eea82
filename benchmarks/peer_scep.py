"""SCEP PKIOperation a second beside scepserver, the leading open-source SCEP server, in one run.

    python -m benchmarks.peer_scep --peer ~/go/bin/scepserver

Both have an RSA-2048 CA and one challenge for all, and get PKCSReq of the same kind, each another
device's: first we, then scepserver, round by round, on one core and on two, with few certificates
issued before and with many (--rows). Ours are rows of PostgreSQL; scepserver keeps files, and
reads its index of all certificates for each request. The limit is how often a second these cores
can do a request's three private-key operations, by `openssl speed` in the same run.

scepserver comes from its makers: `go install github.com/micromdm/scep/v2/cmd/scepserver@v2.3.0`.
Without it there is nothing to measure, which is said.
"""

import argparse
import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from benchmarks.beside import HEADER, OURS, Result, Side, compare, format_result
from benchmarks.installation import Database, Installation, open_database
from benchmarks.machine import measure_signatures
from benchmarks.peers import PeerMissing, find_program, read_module, run_peer
from benchmarks.report import open_folder, write_report
from benchmarks.scep import (
    CHALLENGE,
    build_message,
    build_pki_request,
    copy_certificates,
    create_profile,
    is_issued,
)
from tests.services import find_free_port
from tests.simulator.scep import ScepClient

PEER = "scepserver"
GOALS = {PEER: 2.5}
KEY_OPERATIONS = 3
"""The request's decryption, the certificate's signature and that of the answer."""
CORES = {"1 core": ("0", "1"), "2 cores": ("0,1", "0,1")}
"""Those of the server, and those of client and database."""


class Contest:
    """Our server and scepserver, and requests prepared for the one and the other."""

    def __init__(self, folder: Path, database: Database, options: argparse.Namespace) -> None:
        self.folder, self.database, self.options = folder, database, options
        self.installation = Installation(folder / "data", database)
        (folder / "data").mkdir()
        self.installation.manage("bootstrap", "--ca-key", "rsa_2048")
        self.depot = create_depot(folder / "depot", program=options.peer)
        wanted = options.requests * (options.rounds + 1)
        authority = x509.load_pem_x509_certificate((self.depot / "ca.pem").read_bytes())
        self.theirs = prepare(authority, count=wanted)
        self.ours = prepare(self.fetch_recipient(), count=wanted)
        self.limits: list[dict[str, Any]] = []

    def fetch_recipient(self) -> x509.Certificate:
        """Return our registration authority, to which requests are encrypted."""
        url = create_profile(self.installation, challenge="static")
        with self.installation.serve(workers=1, cores="0"), httpx.Client() as http:
            client = ScepClient(http=http, url=self.installation.url + url, user_agent="benchmark")
            return client.recipient

    def run(self) -> Iterator[Result]:
        for rows in dict.fromkeys([0, self.options.rows]):
            if rows:
                copy_certificates(self.database, rows=rows)
            for cores in CORES:
                yield from self.measure(cores, rows=rows)

    def measure(self, cores: str, *, rows: int) -> list[Result]:
        own, others = CORES[cores]
        # To a new profile, as to a new copy of the depot, all requests are new again.
        path = create_profile(self.installation, challenge="static")
        pinned = {int(core) for core in others.split(",")}
        if self.database.process:
            os.sched_setaffinity(self.database.process, pinned)
        limit = measure_limit(own)
        with self.open_sides(own, rows=rows) as sides:
            os.sched_setaffinity(0, pinned)
            results = compare(
                sides,
                work=f"{rows:,} issued, {cores}",
                requests=[
                    self.list_rounds(self.ours, path=path, port=sides[0].port),
                    self.list_rounds(self.theirs, path="/scep", port=sides[1].port),
                ],
                connections=self.options.connections,
                is_good=is_issued,
                goals=GOALS,
            )
            os.sched_setaffinity(0, range(os.cpu_count() or 1))
        limit = (limit + measure_limit(own)) / 2
        self.limits += [
            {"work": each.work, "side": each.side, "limit": limit, "share": each.rate / limit}
            for each in results
        ]
        return results

    @contextlib.contextmanager
    def open_sides(self, cores: str, *, rows: int) -> Iterator[list[Side]]:
        folder = self.folder / f"scepserver-{rows}-{cores}"
        shutil.copytree(self.depot, folder)
        if rows:
            write_index(folder, count=rows)
        port = find_free_port()
        command: list[str | Path] = [
            self.options.peer,
            "-http-addr",
            f"127.0.0.1:{port}",
            "-depot",
            folder,
        ]
        command += ["-challenge", CHALLENGE]
        with (
            self.installation.serve(workers=len(cores.split(",")), cores=cores) as process,
            run_peer(command, name=PEER, port=port, folder=folder, cores=cores) as theirs,
        ):
            yield [Side(OURS, self.installation.port, process, self.database.process), theirs]

    def list_rounds(self, messages: Sequence[bytes], *, path: str, port: int) -> list[list[bytes]]:
        size = self.options.requests
        requests = [build_pki_request(message, path=path, port=port) for message in messages]
        return [requests[start : start + size] for start in range(0, len(requests), size)]


def create_depot(folder: Path, *, program: Path) -> Path:
    command: list[str | Path] = [program, "ca", "-init", "-depot", folder, "-keySize", "2048"]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return folder


def write_index(depot: Path, *, count: int) -> None:
    """List certificates in the depot's index, in the form of `openssl ca`, as if issued there."""
    end = datetime.now(UTC) + timedelta(days=365)
    with (depot / "index.txt").open("w") as index:
        for number in range(2, count + 2):
            serial = f"{number:X}"
            serial = serial.zfill(len(serial) + len(serial) % 2)
            name = f"earlier device {number}"
            file = f"{name}.{number}.pem"
            index.write(f"V\t{end:%y%m%d%H%M%S}Z\t\t{serial}\t{file}\t/CN={name}\n")
    (depot / "serial").write_text(f"{count + 2:08x}\n")


def prepare(recipient: x509.Certificate, *, count: int) -> list[bytes]:
    """Return PKCSReq messages that no other is like, encrypted to `recipient`."""
    der = recipient.public_bytes(Encoding.DER)
    arguments = range(count), [der] * count, [CHALLENGE] * count
    with ProcessPoolExecutor() as pool:
        return [each.message for each in pool.map(build_message, *arguments, chunksize=50)]


def measure_limit(cores: str) -> float:
    """Return how often a second these cores can do one request's private-key operations."""
    each = cores.split(",")
    return len(each) * measure_signatures("rsa2048", cores=each[0]) / KEY_OPERATIONS


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--peer", type=Path, help="scepserver; else searched for")
    parser.add_argument("--requests", type=int, default=300, help="in each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--rows", type=int, default=20_000, help="issued before; or 0")
    return parser.parse_args()


def main() -> None:
    options, results = read_options(), []
    try:
        options.peer = find_program(PEER, given=options.peer)
    except PeerMissing as error:
        print(f"Nothing is measured beside scepserver: {error}.")
        return
    print(f"{HEADER}\n{'-' * len(HEADER)}", flush=True)
    with open_folder() as folder, open_database("postgresql", folder=folder) as database:
        contest = Contest(folder, database, options)
        for result in contest.run():
            results.append(result)
            print(format_result(result), flush=True)
    for each in contest.limits:
        print(f"{each['work']:<33}  {each['side']:<16}{each['share']:>6.0%} of {each['limit']:.0f}")
    shown = argparse.Namespace(**{**vars(options), "peer": str(options.peer)})
    module = read_module(options.peer)
    path = write_report(
        "peer_scep", options=shown, results=results, peer=module, limits=contest.limits
    )
    print(f"\n{path} has it all.")


if __name__ == "__main__":
    main()
