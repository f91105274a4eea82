"""`deploy/install.sh`: which Python the environment is made of."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "deploy" / "install.sh"
DISTRIBUTION = Path("/usr/bin/python3.11")


def test_the_distributions_python_is_used_when_none_is_named(tmp_path: Path) -> None:
    on_path = tmp_path / "bin" / "python3.11"
    on_path.parent.mkdir()
    on_path.symlink_to(find_own())
    made_of = install(tmp_path, PATH=f"{on_path.parent}:{os.environ['PATH']}")
    assert made_of == (DISTRIBUTION if can_make_environments(DISTRIBUTION) else find_own())


def test_the_named_python_is_used_when_there_is_a_name(tmp_path: Path) -> None:
    assert install(tmp_path, PYTHON=str(find_own())) == find_own()


def test_it_says_what_is_needed_when_python_is_too_old(tmp_path: Path) -> None:
    old = tmp_path / "python"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    ended = run(tmp_path, PYTHON=str(old))
    assert ended.returncode == 1
    assert "needs Python 3.11 or newer" in ended.stderr
    assert not (tmp_path / ".venv").exists()


def find_own() -> Path:
    """Return the interpreter below the tests' own environment."""
    return Path(sys.executable).resolve()


def can_make_environments(python: Path) -> bool:
    found = shutil.which(python)
    return (
        bool(found)
        and not subprocess.run(
            [python, "-c", "import ensurepip"], capture_output=True, check=False
        ).returncode
    )


def install(folder: Path, **environ: str) -> Path:
    """Return the interpreter of the environment that was made in the folder."""
    ended = run(folder, **environ)
    assert ended.returncode == 0, ended.stderr
    return (folder / ".venv" / "bin" / "python").resolve()


def run(folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    (folder / "empty.lock").touch()
    clean = {name: value for name, value in os.environ.items() if name != "PYTHON"}
    return subprocess.run(
        [SCRIPT, "empty.lock"],
        cwd=folder,
        env={**clean, **environ},
        capture_output=True,
        text=True,
        check=False,
    )
