"""SCEP PKIOperation a second, beside the RSA and ECDSA operations that it cannot do without.

    python -m benchmarks.scep                 all of it, about a quarter of an hour
    python -m benchmarks.scep --quick         one database, few requests, no million rows

Requests (PKCSReq, AES-128, BER of indefinite length as Apple's client writes it, another
certificate and transaction each) are made beforehand. With one challenge for all of them
(static), and with a one-time challenge each, as most servers have it (dynamic; two statements
more), not with a million rows again. A request costs the server an RSA
decryption and an RSA signature of the registration authority, and the issuing CA's signature:
RSA-2048 (--ca-key rsa_2048) or, by default, ECDSA P-256. The limit is how often a second
`openssl speed` does these on the same cores in the same run.
"""

import argparse
import hashlib
import os
import secrets
import statistics
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from benchmarks.installation import (
    Database,
    Installation,
    connect,
    copy_row,
    open_database,
    settle,
)
from benchmarks.load import END_OF_HEAD, Outcome, build_request, read_body, run_round
from benchmarks.machine import measure_signatures, read_cpu_seconds
from benchmarks.report import open_folder, write_report
from tests.simulator.scep import (
    ScepClient,
    build_csr,
    build_pki_message,
    build_self_signed,
    generate_key,
)

CHALLENGE = "a challenge for the benchmark"
SUCCESS = bytes.fromhex("060a6086480186f84501090331031301") + b"0"
"""The attribute pkiStatus with the value 0."""
KEYS = 16
GOAL = 0.45
# What the copies of one issued certificate have of their own.
OWN_COLUMNS = {
    "public_id": "'crt_' || substr({random}, 1, 20)",
    "serial": "{random}",
    "fingerprint": "{random} || {random}",
    "transaction_id": "{random}",
    "session_id": "'ses_' || substr({random}, 1, 20)",
    "public_key_sha256": "{random} || {random}",
}


@dataclass(frozen=True)
class Setup:
    """One configuration. `server_cores` like "0,1"; `rows`: certificates issued before."""

    database: str
    ca_key: str
    challenge: str
    server_cores: str
    other_cores: str
    rows: int

    @property
    def cores(self) -> int:
        return len(self.server_cores.split(","))


@dataclass(frozen=True)
class Result:
    """Rates a second (median, least, most), latencies in ms, CPU in ms a request.

    `share`: the rate as a part of the limit; `cpu_share`: the operations' own time as a part of
    the CPU that server and database have used.
    """

    setup: Setup
    rate: float
    least: float
    most: float
    limit: float
    share: float
    cpu_share: float
    p50: float
    p99: float
    server_cpu: float
    database_cpu: float
    client_cpu: float


@lru_cache(maxsize=KEYS)
def _get_key(number: int) -> rsa.RSAPrivateKey:
    del number
    return generate_key()


@dataclass(frozen=True)
class Request:
    """A PKIMessage, and the challenge that is in it."""

    message: bytes
    challenge: str


def build_message(number: int, recipient: bytes, challenge: str) -> Request:
    """Return one PKCSReq that no other is like; `recipient` is the RA's certificate, DER."""
    key = _get_key(number % KEYS)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"device {number}")])
    message = build_pki_message(
        build_csr(key, subject=subject, challenge=challenge, key_usage=5),
        recipient=x509.load_der_x509_certificate(recipient),
        key=key,
        certificate=build_self_signed(key, subject=subject),
        transaction_id=os.urandom(16).hex(),
        ber=True,
    )
    return Request(message, challenge)


def prepare_requests(installation: Installation, *, challenges: Sequence[str]) -> list[Request]:
    """Make a request with each challenge for the installation's registration authority."""
    url = create_profile(installation, challenge="static")
    with installation.serve(workers=1, cores="0"), httpx.Client() as http:
        client = ScepClient(http=http, url=installation.url + url, user_agent="benchmark")
        recipient = client.recipient.public_bytes(Encoding.DER)
    with ProcessPoolExecutor() as pool:
        recipients = [recipient] * len(challenges)
        numbers = range(len(challenges))
        return list(pool.map(build_message, numbers, recipients, challenges, chunksize=50))


def make_challenges(kind: str, *, wanted: int) -> list[str]:
    if kind == "static":
        return [CHALLENGE] * wanted
    return [secrets.token_urlsafe(32) for _ in range(wanted)]


def create_profile(installation: Installation, *, challenge: str) -> str:
    """Make a SCEP profile, for which all requests are new again; return its path."""
    options = ["--static-challenge", CHALLENGE] if challenge == "static" else []
    made = installation.manage(
        *("create_scep_profile", "--name", os.urandom(4).hex()),
        *("--challenge", challenge, *options),
    )
    return f"/scep/{made['id']}"


def store_challenges(database: Database, path: str, *, challenges: Sequence[str]) -> None:
    """Store one-time challenges, as the profiles of as many devices would; earlier ones go."""
    now, mark = datetime.now(UTC), "?" if database.kind == "sqlite" else "%s"
    made, expires = (each.isoformat(sep=" ") for each in (now, now + timedelta(hours=1)))
    digests = [hashlib.sha256(challenge.encode()).hexdigest() for challenge in challenges]
    profile = path.rpartition("/")[2]
    with connect(database) as cursor:
        cursor.execute("DELETE FROM scep_dynamicchallenge")
        cursor.executemany(
            "INSERT INTO scep_dynamicchallenge"  # noqa: S608
            " (scep_profile_id, purpose, session_id, holds, secret_sha256, created_at, expires_at)"
            f" SELECT id, 'enrollment', '', FALSE, {mark}, {mark}, {mark} FROM scep_scepprofile"
            f" WHERE public_id = {mark}",
            [(digest, made, expires, profile) for digest in digests],
        )


def build_pki_request(message: bytes, *, path: str, port: int) -> bytes:
    return build_request(
        f"{path}?operation=PKIOperation",
        port=port,
        body=message,
        content_type="application/x-pki-message",
    )


def is_issued(answer: bytes) -> bool:
    return answer.startswith(b"HTTP/1.1 200") and SUCCESS in (read_body(answer) or b"")


def copy_certificates(database: Database, *, rows: int) -> None:
    """Issue so many certificates by SQL, like the one that was issued last."""
    copy_row(
        database,
        table="scep_issuedcertificate",
        count=rows,
        changes=OWN_COLUMNS,
        where="row.id = (SELECT max(id) FROM scep_issuedcertificate)",
    )
    settle(database)


def measure(
    setup: Setup,
    installation: Installation,
    prepared: Sequence[Request],
    options: argparse.Namespace,
) -> Result:
    """Run warm-up and rounds against a server with one worker for each of its cores."""
    path, port = create_profile(installation, challenge=setup.challenge), installation.port
    if setup.challenge == "dynamic":
        challenges = [each.challenge for each in prepared]
        store_challenges(installation.database, path, challenges=challenges)
    requests = [build_pki_request(each.message, path=path, port=port) for each in prepared]
    others = {int(core) for core in setup.other_cores.split(",")}
    database = installation.database.process
    if database:
        os.sched_setaffinity(database, others)
    limits = [measure_limit(setup)]
    with installation.serve(workers=setup.cores, cores=setup.server_cores) as server:
        os.sched_setaffinity(0, others)
        run_checked(requests[: options.requests], port=port, connections=options.connections)
        before = read_cpu_seconds(server), read_cpu_seconds(database) if database else 0.0
        rounds = [
            run_checked(
                requests[start : start + options.requests],
                port=port,
                connections=options.connections,
            )
            for start in range(options.requests, len(requests), options.requests)
        ]
        after = read_cpu_seconds(server), read_cpu_seconds(database) if database else 0.0
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
    limits.append(measure_limit(setup))
    return summarize(
        setup,
        rounds,
        limit=statistics.mean(limits),
        cpu=(after[0] - before[0], after[1] - before[1]),
    )


def run_checked(requests: Sequence[bytes], *, port: int, connections: int) -> Outcome:
    """Run one round; raises RuntimeError unless every answer hands out a certificate."""
    outcome = run_round(requests, port=port, connections=connections)
    for answer in outcome.answers:
        if not is_issued(answer):
            head = answer.partition(END_OF_HEAD)[0]
            raise RuntimeError(f"a request was refused: {head.decode(errors='replace')}")
    return outcome


def measure_limit(setup: Setup) -> float:
    """Return how often a second the server's cores can do one request's private-key operations."""
    core = setup.server_cores.split(",")[0]
    rsa_seconds = 1 / measure_signatures("rsa2048", cores=core)
    if setup.ca_key.startswith("rsa"):
        return setup.cores / (3 * rsa_seconds)
    return setup.cores / (2 * rsa_seconds + 1 / measure_signatures("ecdsap256", cores=core))


def summarize(
    setup: Setup, rounds: Sequence[Outcome], *, limit: float, cpu: tuple[float, float]
) -> Result:
    rates = [len(each.answers) / each.seconds for each in rounds]
    latencies = sorted(1000 * seconds for each in rounds for seconds in each.latencies)
    done = len(latencies)
    server_cpu, database_cpu = (1000 * seconds / done for seconds in cpu)
    return Result(
        setup=setup,
        rate=statistics.median(rates),
        least=min(rates),
        most=max(rates),
        limit=limit,
        share=statistics.median(rates) / limit,
        cpu_share=1000 * setup.cores / limit / (server_cpu + database_cpu),
        p50=latencies[done // 2],
        p99=latencies[done * 99 // 100],
        server_cpu=server_cpu,
        database_cpu=database_cpu,
        client_cpu=1000 * sum(each.client_cpu for each in rounds) / done,
    )


def run_installation(
    database: Database, *, ca_key: str, folder: Path, options: argparse.Namespace
) -> Iterator[Result]:
    """Measure one installation on one core and on two, nearly empty and then with many rows."""
    folder.mkdir()
    installation = Installation(folder, database)
    installation.manage("bootstrap", "--ca-key", ca_key)
    wanted = options.requests * (options.rounds + 1)
    for challenge in options.challenges:
        challenges = make_challenges(challenge, wanted=wanted)
        prepared = prepare_requests(installation, challenges=challenges)
        for rows in dict.fromkeys([0, options.rows if challenge == "static" else 0]):
            if rows:
                copy_certificates(database, rows=rows)
            for cores, others in (("0", "1"), ("0,1", "0,1")):
                setup = Setup(database.kind, ca_key, challenge, cores, others, rows)
                yield measure(setup, installation, prepared, options)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--ca-keys", nargs="+", default=["rsa_2048", "ec_p256"])
    parser.add_argument("--challenges", nargs="+", default=["dynamic", "static"])
    parser.add_argument("--requests", type=int, default=300, help="in each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--rows", type=int, default=1_000_000, help="issued before, by SQL; or 0")
    parser.add_argument("--quick", action="store_true", help="SQLite, RSA, 3 × 100 requests")
    options = parser.parse_args()
    if options.quick:
        options.databases, options.ca_keys = ["sqlite"], ["rsa_2048"]
        options.challenges = ["static"]
        options.requests, options.rounds, options.rows = 100, 3, 0
    return options


def main() -> None:
    options, results = read_options(), []
    print(f"{HEADER}\n{'-' * len(HEADER)}")
    for kind in options.databases:
        for ca_key in options.ca_keys:
            with open_folder() as folder, open_database(kind, folder=folder) as database:
                for result in run_installation(
                    database, ca_key=ca_key, folder=folder / "data", options=options
                ):
                    results.append(result)
                    print(format_result(result), flush=True)
    path = write_report("scep", options=options, results=results)
    print(f"\nThe goal is {GOAL:.0%} of the limit. {path} has it all.")


HEADER = (
    "database   CA key   challenge cores     issued   per second (least–most)   limit  share"
    "  p50 ms  p99 ms   CPU ms: server  database  client   its share"
)


def format_result(result: Result) -> str:
    setup = result.setup
    return (
        f"{setup.database:<10} {setup.ca_key:<9}{setup.challenge:<9}{setup.cores:>5}"
        f" {setup.rows:>10,}"
        f"   {result.rate:>7.0f} ({result.least:>5.0f}–{result.most:<5.0f})"
        f"{result.limit:>12.0f} {result.share:>6.0%}{result.p50:>8.1f}{result.p99:>8.1f}"
        f"{result.server_cpu:>17.2f}{result.database_cpu:>10.2f}{result.client_cpu:>8.2f}"
        f"{result.cpu_share:>11.0%}"
    )


if __name__ == "__main__":
    main()
