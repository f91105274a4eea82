"""An installation with all that belongs around it: a database, Redis, and a fake APNs."""

import contextlib
from collections.abc import Iterator

from benchmarks.installation import Installation, open_database
from benchmarks.report import open_folder
from tests.services import run_redis
from tests.simulator.apns import FakeApns


@contextlib.contextmanager
def open_installation(kind: str) -> Iterator[tuple[Installation, FakeApns]]:
    """Yield one with sample data on this kind of database; Redis is only beside PostgreSQL."""
    with open_folder() as folder, FakeApns() as apns, contextlib.ExitStack() as stack:
        database = stack.enter_context(open_database(kind, folder=folder))
        for name in ("data", "redis"):
            (folder / name).mkdir()
        (folder / "ca.pem").write_bytes(apns.ca_pem)
        extra = {
            "GUARDMDM_APNS_HOST": "localhost",
            "GUARDMDM_APNS_PORT": str(apns.port),
            "GUARDMDM_APNS_CA": str(folder / "ca.pem"),
        }
        if database.process:
            extra["GUARDMDM_BROKER_URL"] = stack.enter_context(run_redis(folder / "redis"))
        installation = Installation(folder / "data", database, extra=extra)
        installation.manage("bootstrap", "--demo")
        yield installation, apns
