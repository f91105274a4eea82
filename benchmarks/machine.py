"""What this machine can do by itself, and what processes have cost it."""

import contextlib
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import psycopg2

TICKS = os.sysconf("SC_CLK_TCK")
SPEED = re.compile(r"(\d+\.\d+)\s+(\d+\.\d+)\s*$")
PACKAGES = ("django", "cryptography", "granian", "psycopg2-binary", "asn1crypto")


def measure_signatures(algorithm: str, *, seconds: int = 2, cores: str = "") -> float:
    """Return private-key operations a second of one process by `openssl speed` (`rsa2048`, …)."""
    pinned = ["taskset", "-c", cores] if cores else []
    command = [*pinned, "openssl", "speed", "-seconds", str(seconds), algorithm]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = SPEED.search(output.strip().splitlines()[-1])
    if found is None:
        raise ValueError(f"openssl speed {algorithm} said {output!r}")
    return float(found[1])


def measure_updates(url: str, *, connections: int, seconds: int = 3) -> float:
    """Return prepared UPDATEs of one row a second on a PostgreSQL server, by its own pgbench."""
    pgbench = sorted(Path("/usr/lib/postgresql").glob("*/bin/pgbench"))[-1]
    with tempfile.TemporaryDirectory(prefix="guardmdm-pgbench-") as name:
        script = Path(name) / "update.sql"
        script.write_text(
            "\\set id random(1, 1000)\nUPDATE bench_rows SET seen = now() WHERE id = :id;\n"
        )
        with contextlib.closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
            cursor.execute(
                "CREATE TABLE IF NOT EXISTS bench_rows AS "
                "SELECT generate_series(1, 1000) AS id, now() AS seen"
            )
            cursor.execute("CREATE UNIQUE INDEX IF NOT EXISTS bench_key ON bench_rows (id)")
            connection.commit()
        command = [str(pgbench), "-n", "-M", "prepared", "-c", str(connections), "-j", "2"]
        command += ["-T", str(seconds), "-f", str(script), url]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return float(re.findall(r"tps = (\d+\.\d+)", output)[0])


def read_cpu_seconds(root: int) -> float:
    """Return what the process, all below it and their ended children have used so far."""
    seconds = 0.0
    for pid, fields in _read_family(root).items():
        seconds += sum(map(int, fields[13:15])) / TICKS  # its ended children
        with contextlib.suppress(OSError):  # it has just ended
            seconds += time.clock_gettime(_cpu_clock(pid))
    return seconds


def _cpu_clock(pid: int) -> int:
    """Return the clock of a process, to the nanosecond: clock_getcpuclockid(3) on Linux."""
    return ~pid << 3 | 2


def read_memory(root: int) -> float:
    """Return the most that one of the process and those below it has held so far, in MB."""
    peaks = []
    for pid in _read_family(root):
        found = re.search(r"VmHWM:\s*(\d+) kB", Path(f"/proc/{pid}/status").read_text())
        peaks.append(int(found[1]) / 1024 if found else 0.0)
    return max(peaks)


def _read_family(root: int) -> dict[int, list[str]]:
    """Return the fields of /proc/…/stat after the name, for the process and all below it."""
    children: dict[int, list[int]] = {}
    stats: dict[int, list[str]] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        pid, parent = int(entry.name), int(fields[1])
        children.setdefault(parent, []).append(pid)
        stats[pid] = fields
    family, waiting = {}, [root]
    while waiting:
        pid = waiting.pop()
        if pid in stats:
            family[pid] = stats[pid]
        waiting += children.get(pid, [])
    return family


def describe_machine() -> dict[str, str]:
    """Return processor, cores, load and the versions of what takes part."""
    processor = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    openssl = subprocess.run(["openssl", "version"], capture_output=True, text=True, check=True)
    return {
        "processor": processor[1] if processor else platform.machine(),
        "cores": str(os.cpu_count()),
        "load before": f"{os.getloadavg()[0]:.2f}",
        "system": platform.platform(),
        "python": f"{sys.version.split()[0]}, {Path(sys.executable).resolve()}",
        "openssl": openssl.stdout.strip(),
        **{name: version(name) for name in PACKAGES},
    }
