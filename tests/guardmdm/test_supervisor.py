"""The supervisor with real processes."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

SUPERVISE = """
import os, sys
from guardmdm import supervisor
from guardmdm.supervisor import Program, Supervisor
supervisor.STEADY_SECONDS = {steady} or supervisor.STEADY_SECONDS
Supervisor(
    [Program(name, [sys.executable, "-c", code]) for name, code in {programs!r}],
    environ=os.environ,
).run()
"""
SLEEP = "import os, time; print('pid', os.getpid(), flush=True); time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SLEEP
CRASH = "print('crashing', flush=True); raise SystemExit(3)"


@pytest.fixture
def supervise():
    started = []

    def start(steady=None, **programs):
        code = textwrap.dedent(SUPERVISE).format(programs=list(programs.items()), steady=steady)
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def read_pids(process, count):
    return [int(process.stdout.readline().split()[-1]) for _ in range(count)]


def is_alive(pid):
    # A dead child of a dead parent stays as a zombie until init collects it.
    try:
        return b") Z" not in Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):  # it may go while it is read
        return False


def wait_until_gone(pids, seconds=15):
    deadline = time.monotonic() + seconds
    while any(map(is_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(map(is_alive, pids))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_every_process_ends_when_the_supervisor_is_told_to(supervise, number):
    process = supervise(one=SLEEP, two=SLEEP)
    pids = read_pids(process, 2)
    process.send_signal(number)
    assert process.wait(timeout=60) == 0
    assert wait_until_gone(pids)


def test_a_process_that_will_not_end_is_killed(supervise):
    process = supervise(one=STUBBORN)
    pids = read_pids(process, 1)
    process.terminate()
    assert process.wait(timeout=60) == 0
    assert wait_until_gone(pids)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_no_process_is_left_when_the_supervisor_is_killed(supervise):
    process = supervise(one=SLEEP, two=SLEEP)
    pids = read_pids(process, 2)
    process.kill()
    assert wait_until_gone(pids)


def test_a_crashed_process_starts_again_with_growing_pauses(supervise):
    process = supervise(bad=CRASH)
    lines = [process.stdout.readline().strip() for _ in range(4)]
    assert lines == [
        "bad | crashing",
        "bad ended with 3; next start in 1 s",
        "bad | crashing",
        "bad ended with 3; next start in 2 s",
    ]


SLOW_LOG = """
import os, sys, time
from guardmdm.supervisor import Program, Supervisor, write_line
def write(line):
    time.sleep(0.1)
    write_line(line)
program = Program("bad", [sys.executable, "-c", {code!r}])
Supervisor([program], environ=os.environ, write=write).run()
"""


def test_what_a_process_said_last_comes_before_its_end_when_the_log_is_slow():
    code = SLOW_LOG.format(code="print('1\\n2\\n3\\n4\\n5', flush=True); raise SystemExit(3)")
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as it:
        lines = [it.stdout.readline().strip() for _ in range(6)]
        it.terminate()
    words = [f"bad | {number}" for number in range(1, 6)]
    assert lines == [*words, "bad ended with 3; next start in 1 s"]


def test_a_process_starts_again_at_once_when_another_one_is_waiting_for_its_turn(supervise):
    process = supervise(bad=CRASH, good=SLEEP)
    pid = None
    for line in process.stdout:
        if "pid" in line:
            pid = int(line.split()[-1])
        elif "next start in 4 s" in line:
            break
    os.kill(pid, signal.SIGKILL)
    lines = [process.stdout.readline().strip() for _ in range(2)]
    assert lines[0] == "good ended with -9; next start in 1 s"
    assert lines[1].startswith("good | pid")  # and not the other one's next crash


def test_a_process_starts_again_at_once_each_time_when_it_had_run_before_it_was_killed(supervise):
    process = supervise(steady=0.5, good=SLEEP)
    for _ in range(4):
        pid = read_pids(process, 1)[0]
        time.sleep(0.8)
        os.kill(pid, signal.SIGKILL)
        assert process.stdout.readline().strip() == "good ended with -9; next start in 0 s"
    assert read_pids(process, 1) != [pid]


@pytest.mark.parametrize("code", [SLEEP, STUBBORN], ids=["obedient", "stubborn"])
def test_no_grandchild_is_left_when_a_program_is_killed(supervise, code):
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}])"
    process = supervise(web=parent)
    grandchild = read_pids(process, 1)[0]
    stat = Path(f"/proc/{grandchild}/stat").read_text()
    os.kill(int(stat.rpartition(")")[2].split()[1]), signal.SIGKILL)
    assert wait_until_gone([grandchild])
    process.stdout.readline()  # web ended with -9
    successor = read_pids(process, 1)
    process.terminate()
    assert process.wait(timeout=60) == 0
    assert wait_until_gone(successor)


def test_each_line_says_who_wrote_it(supervise):
    process = supervise(web=SLEEP, worker=SLEEP)
    lines = {process.stdout.readline().split(" | ")[0] for _ in range(2)}
    assert lines == {"web   ", "worker"}


WATCHING = """
import signal, sys, time
signal.signal(signal.SIGHUP, lambda *_: print("read again", flush=True))
print("ready", flush=True)
while True:
    time.sleep(0.1)
"""
SUPERVISE_FILE = """
import os, sys
from pathlib import Path
from guardmdm.supervisor import Program, Supervisor
program = Program("web", [sys.executable, "-c", {code!r}], reload_on=Path({path!r}))
Supervisor([program], environ=os.environ).run()
"""


def test_a_program_reads_its_file_again_when_that_has_changed(tmp_path):
    path = tmp_path / "certificate.pem"
    path.write_text("old")
    code = SUPERVISE_FILE.format(code=WATCHING, path=str(path))
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert "ready" in process.stdout.readline()
        path.write_text("new")
        os.utime(path, (1, 1))
        said = [process.stdout.readline() for _ in range(2)]
        assert any("read again" in line for line in said)
    finally:
        process.terminate()
        process.wait(15)
