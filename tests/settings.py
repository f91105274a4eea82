"""The server's own settings on a data folder that lives as long as the test run.

GUARDMDM_DATABASE_URL and GUARDMDM_BROKER_URL are taken from outside, so that the same
suite runs on SQLite with the filesystem broker and on PostgreSQL with Redis. Every
pytest-xdist worker has its own data folder, test database and pair of Redis databases.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

KEPT = {"GUARDMDM_DATABASE_URL", "GUARDMDM_BROKER_URL", "GUARDMDM_TEST_REQUIRE_ALL"}
REDIS_DATABASES_PER_WORKER = 2  # the broker's, and the cache's behind it


def _take_environment() -> Path:
    """Leave only KEPT of the caller's settings; return a new, empty data folder."""
    for name in [name for name in os.environ if name.startswith("GUARDMDM_")]:
        if name not in KEPT:
            del os.environ[name]
    folder = Path(tempfile.mkdtemp(prefix="guardmdm-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["GUARDMDM_DATA_DIR"] = str(folder)
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    broker = os.environ.get("GUARDMDM_BROKER_URL", "")
    if broker.startswith("redis") and "PYTEST_XDIST_WORKER" in os.environ:
        os.environ["GUARDMDM_BROKER_URL"] = (
            f"{broker.rpartition('/')[0]}/{worker * REDIS_DATABASES_PER_WORKER}"
        )
    return folder


FOLDER = _take_environment()

from guardmdm.settings import *  # noqa: E402, F403
from guardmdm.settings import DATABASES, STORAGES  # noqa: E402

# Threads and live servers share a file; an in-memory database would be one a thread.
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["TEST"] = {"NAME": str(FOLDER / "test.sqlite3")}
DATABASES["default"]["CONN_MAX_AGE"] = 0  # a thread's end must leave no session behind

# Without hashed names no collectstatic is needed; tests/guardmdm checks the real storage.
STORAGES = STORAGES | {
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True

# Passwords in tests are no secrets, and the real hasher takes 0.2 s each.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
