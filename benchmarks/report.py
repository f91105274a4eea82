"""Where a benchmark keeps its data, and the JSON beside its table."""

import argparse
import contextlib
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.installation import ROOT
from benchmarks.machine import describe_machine


@contextlib.contextmanager
def open_folder() -> Iterator[Path]:
    """Yield a temporary folder that PostgreSQL's own user may enter."""
    with tempfile.TemporaryDirectory(prefix="guardmdm-benchmark-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def write_report(
    name: str, *, options: argparse.Namespace, results: Sequence[Any], **more: Any
) -> Path:
    """Write machine, options and results (dataclasses); return the file's path below the root."""
    path = ROOT / "build" / "benchmarks" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    report = {
        "machine": describe_machine(),
        "options": vars(options),
        **more,
        "results": [asdict(result) for result in results],
    }
    path.write_text(json.dumps(report, indent=2) + "\n")
    return path.relative_to(ROOT)
