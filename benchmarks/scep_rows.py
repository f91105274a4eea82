"""SCEP with many certificates issued before, beside a server with few: the same requests by turns.

    python -m benchmarks.scep_rows            both databases, a million rows, ten minutes

Two servers run at once, each with a database of its own, so that both meet the same minutes of
the machine. *Ours* in the table is the one with few: what it says of the other one is how many
times its rate and how many times its CPU.
"""

import argparse
import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.beside import HEADER, OURS, Result, Side, compare, format_result
from benchmarks.installation import Installation, open_database
from benchmarks.report import open_folder, write_report
from benchmarks.scep import (
    Request,
    build_pki_request,
    copy_certificates,
    create_profile,
    is_issued,
    make_challenges,
    prepare_requests,
)

CORES = {"1 core": ("0", "1"), "2 cores": ("0,1", "0,1")}
"""Those of the servers, and those of client and databases."""


class Grown:
    """One installation with so many certificates issued before, and requests for it."""

    def __init__(self, installation: Installation, *, rows: int, wanted: int) -> None:
        self.installation, self._name = installation, f"{rows:,} issued" if rows else OURS
        installation.folder.mkdir()
        installation.manage("bootstrap", "--ca-key", "rsa_2048")
        self._prepared: Sequence[Request] = prepare_requests(
            installation, challenges=make_challenges("static", wanted=wanted)
        )
        if rows:
            self._copy(self._prepared[0], rows=rows)

    def _copy(self, first: Request, *, rows: int) -> None:
        installation = self.installation
        path, port = create_profile(installation, challenge="static"), installation.port
        with installation.serve(workers=1, cores="0") as process:
            side = Side(self._name, port, process, installation.database.process)
            one = [build_pki_request(first.message, path=path, port=port)]
            # The first of them is the warm-up.
            compare([side], work="", requests=[[one, one]], connections=1, is_good=bool, goals={})
        copy_certificates(installation.database, rows=rows)

    @contextlib.contextmanager
    def open_side(self, *, cores: str, others: set[int]) -> Iterator[Side]:
        installation = self.installation
        if installation.database.process:
            os.sched_setaffinity(installation.database.process, others)
        with installation.serve(workers=len(cores.split(",")), cores=cores) as process:
            yield Side(self._name, installation.port, process, installation.database.process)

    def list_rounds(self, *, size: int) -> list[list[bytes]]:
        """Return the requests for a new profile, to which all of them are new."""
        path, port = create_profile(self.installation, challenge="static"), self.installation.port
        requests = [
            build_pki_request(each.message, path=path, port=port) for each in self._prepared
        ]
        return [requests[start : start + size] for start in range(0, len(requests), size)]


def run_database(kind: str, *, folder: Path, options: argparse.Namespace) -> Iterator[Result]:
    wanted = options.requests * (options.rounds + 1)
    with contextlib.ExitStack() as stack:
        pair = []
        for rows in (0, options.rows):
            place = folder / f"{kind}-{rows}"
            place.mkdir()
            place.chmod(0o755)
            database = stack.enter_context(open_database(kind, folder=place))
            installation = Installation(place / "data", database)
            pair.append(Grown(installation, rows=rows, wanted=wanted))
        for name, (cores, others) in CORES.items():
            yield from measure(pair, f"{kind}, {name}", cores=cores, others=others, options=options)


def measure(
    pair: Sequence[Grown], work: str, *, cores: str, others: str, options: argparse.Namespace
) -> list[Result]:
    requests = [grown.list_rounds(size=options.requests) for grown in pair]
    pinned = {int(core) for core in others.split(",")}
    with contextlib.ExitStack() as stack:
        sides = [stack.enter_context(each.open_side(cores=cores, others=pinned)) for each in pair]
        os.sched_setaffinity(0, pinned)
        results = compare(
            sides,
            work=work,
            requests=requests,
            connections=options.connections,
            is_good=is_issued,
            goals={},
        )
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
    return results


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--rows", type=int, default=1_000_000, help="issued before, by SQL")
    parser.add_argument("--requests", type=int, default=100, help="in each turn")
    parser.add_argument("--rounds", type=int, default=24, help="turns of each, after a warm-up")
    parser.add_argument("--connections", type=int, default=8)
    return parser.parse_args()


def main() -> None:
    options, results = read_options(), []
    print(f"{HEADER}\n{'-' * len(HEADER)}")
    for kind in options.databases:
        with open_folder() as folder:
            for result in run_database(kind, folder=folder, options=options):
                results.append(result)
                print(format_result(result), flush=True)
    print(f"\n{write_report('scep_rows', options=options, results=results)} has it all.")


if __name__ == "__main__":
    main()
