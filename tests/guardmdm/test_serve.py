"""`manage.py serve` as an operator runs it: real processes on an empty data folder."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager, suppress
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest

from tests.services import find_free_port

pytestmark = pytest.mark.slow
START_SECONDS = 240


def build_environ(folder):
    kept = {key: text for key, text in os.environ.items() if not key.startswith("GUARDMDM_")}
    kept.pop("DJANGO_SETTINGS_MODULE", None)
    return kept | {"GUARDMDM_DATA_DIR": str(folder / "data"), "GUARDMDM_LOG_FORMAT": "json"}


@pytest.fixture
def environ(tmp_path):
    return build_environ(tmp_path)


def manage(environ, *arguments):
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True)


@contextmanager
def serving(folder):
    """Yield the process and its port; output goes to `folder`/log."""
    port = find_free_port()
    command = [sys.executable, "manage.py", "serve", "--port", str(port)]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command, env=build_environ(folder), stdout=log, stderr=log)
    try:
        wait_until_ready(process, f"http://127.0.0.1:{port}/readyz")
        yield process, port
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    with serving(folder) as (_, port):
        yield folder, port


def wait_until_ready(process, url):
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(URLError, OSError):
            return json.load(urlopen(url, timeout=10))
        time.sleep(0.3)
    raise AssertionError("the server did not become ready")


def list_processes(port_or_folder):
    listing = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True).stdout
    return [line for line in listing.splitlines() if port_or_folder in line]


def list_waiting_workers(port):
    """The processes that the Celery worker of this server has for its tasks."""
    (serve,) = [line for line in list_processes(f"--port {port}") if "manage.py serve" in line]
    listing = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True).stdout
    rows = [line.split(None, 2) for line in listing.splitlines()[1:]]
    workers = [row for row in rows if "celery" in row[2] and " worker " in row[2]]
    parents = {pid for pid, parent, _ in workers if parent == serve.split()[0]}
    return [int(pid) for pid, parent, _ in workers if parent in parents]


def read_worker_heartbeat(folder):
    with closing(sqlite3.connect(folder / "data" / "guardmdm.sqlite3")) as database:
        query = "SELECT beaten_at FROM guardmdm_heartbeat WHERE heart = 'worker'"
        return database.execute(query).fetchone()


def read_organizations(folder):
    with closing(sqlite3.connect(folder / "data" / "guardmdm.sqlite3")) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        return database.execute("SELECT public_id FROM organization_organization").fetchall()


def test_the_first_start_makes_everything_and_the_next_finds_it(tmp_path):
    with serving(tmp_path) as (process, port):
        first = read_organizations(tmp_path)
        page = urlopen(f"http://127.0.0.1:{port}/accounts/login/", timeout=60)
        assert b"/static/" in page.read()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
        assert list_processes(f"--port {port}") == []
    with serving(tmp_path):
        assert read_organizations(tmp_path) == first
    assert len(first) == 1


def test_doctor_sees_the_worker_and_misses_the_push_certificate(server):
    folder, port = server
    environ = build_environ(folder) | {"GUARDMDM_BASE_URL": f"http://127.0.0.1:{port}"}
    for _ in range(5):  # the worker may still be starting
        result = manage(environ, "doctor", "--json")
        findings = {each["name"]: each for each in json.loads(result.stdout)}
        if not findings["workers"]["is_failure"]:
            break
    assert not findings["workers"]["is_failure"]
    assert not findings["base URL"]["is_failure"]
    assert "HTTPS" in findings["base URL"]["fix"]  # a warning: no device comes this way
    # The one thing that nobody but Apple can give.
    assert findings["push certificate"]["is_failure"]
    assert findings["push certificate"]["fix"]
    assert result.returncode == 1


def test_tasks_go_on_when_the_processes_that_wait_for_them_are_killed(server):
    folder, port = server
    before, waiting = read_worker_heartbeat(folder), list_waiting_workers(port)
    assert len(waiting) == 2
    for pid in waiting:
        os.kill(pid, signal.SIGKILL)
    beat = "import guardmdm.celery; from guardmdm.tasks import beat; beat.delay()"
    deadline = time.monotonic() + 120
    while read_worker_heartbeat(folder) == before and time.monotonic() < deadline:
        assert manage(build_environ(folder), "shell", "-c", beat).returncode == 0
        time.sleep(2)
    assert read_worker_heartbeat(folder) != before
    assert not set(waiting).intersection(list_waiting_workers(port))


def test_the_console_is_named_where_the_server_was_started(server):
    folder, port = server
    assert f"http://127.0.0.1:{port}/console/\n" in (folder / "log").read_text()


def test_no_token_reaches_the_log_when_pages_fail(server):
    folder, port = server
    token = "eyJhbGciOiJSUzI1NiJ9.eyJqdGkiOiJ4In0.c2ln"
    for path in (f"/enroll?token={token}", f"/enroll/profile?token={token}", f"/x?token={token}"):
        with suppress(HTTPError):
            urlopen(f"http://127.0.0.1:{port}{path}", timeout=60)
    assert b"eyJ" not in (folder / "log").read_bytes()


def test_two_set_ups_at_once_make_one_of_everything(environ):
    command = [sys.executable, "manage.py", "bootstrap", "--demo", "--json"]
    processes = [
        subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    made = [json.loads(process.communicate()[0]) for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert made[0]["organization"] == made[1]["organization"]
    assert made[0]["enrollment_url"] == made[1]["enrollment_url"]
    passwords = [each["one_time_password"] for each in made if each["one_time_password"]]
    assert len(passwords) == 1


def test_a_taken_port_is_told_in_one_line(environ):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = manage(environ, "serve", "--port", str(taken.getsockname()[1]))
    assert result.returncode == 1
    assert "Address already in use" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("count", ["0", "-2", "many"])
def test_nothing_is_started_when_no_web_process_would_be_there(environ, count):
    result = manage(environ, "serve", "--workers", count)
    assert result.returncode == 2
    assert f"'{count}' is not a number of 1 or more" in result.stderr
