"""What `manage.py` says where the database is away or behind, as a person sees it."""

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from tests.services import find_free_port

ROOT = Path(__file__).resolve().parents[2]
# They go on until they are stopped, or have actions that speak JSON each by itself.
OTHERS = {"serve", "demo", "push_certificate"}
APPS = {"organization", "scep", "devices", "policies", "enrollment", "webhooks", "guardmdm"}
NOBODY = 65534
# The server's settings: those of the tests have a data folder of their own.
REAL = {"DJANGO_SETTINGS_MODULE": "guardmdm.settings"}
CREATE_TOKEN = ("create_token", "--name", "Sales")
COMMANDS = sorted(name for name, app in get_commands().items() if app in APPS)


def run_command(
    folder: Path,
    *arguments: str,
    command: Sequence[str] = CREATE_TOKEN,
    user: int | None = None,
    **settings: str,
) -> tuple[int, str]:
    kept = {name: text for name, text in os.environ.items() if not name.startswith("GUARDMDM_")}
    done = subprocess.run(
        [sys.executable, "manage.py", *command, *arguments],
        cwd=ROOT,
        env={**kept, **REAL, "GUARDMDM_DATA_DIR": str(folder), **settings},
        capture_output=True,
        text=True,
        check=False,
        user=user,
        timeout=60,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("arguments", [(), ("--traceback",)])
def test_one_line_names_the_remedy_when_the_database_is_behind(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    status, said = run_command(tmp_path, *arguments)
    assert status == 1
    assert ("Traceback" in said) == bool(arguments)
    if not arguments:
        assert "manage.py bootstrap" in said
        assert str(tmp_path / "guardmdm.sqlite3") in said  # the folder may be a mistyped one
        assert said.count("\n") == 1


def test_one_line_names_the_setting_when_the_database_is_away(tmp_path: Path) -> None:
    url = f"postgres://guardmdm:secret@127.0.0.1:{find_free_port()}/guardmdm"
    status, said = run_command(tmp_path, GUARDMDM_DATABASE_URL=url)
    assert (status, said.count("\n")) == (1, 1)
    assert "GUARDMDM_DATABASE_URL" in said
    assert "refused" in said
    assert "secret" not in said


def test_one_line_names_the_keys_when_they_are_not_those_of_the_database(tmp_path: Path) -> None:
    assert run_command(tmp_path, command=["bootstrap"])[0] == 0
    (tmp_path / "encryption_keys").unlink()  # the next command makes others
    status, said = run_command(tmp_path)
    assert (status, said.count("\n")) == (1, 1), said
    assert "GUARDMDM_ENCRYPTION_KEYS" in said


def test_one_line_names_the_file_when_it_is_another_users() -> None:
    with tempfile.TemporaryDirectory(prefix="guardmdm-folder-") as name:
        lock = Path(name, "serve.lock")
        lock.touch(mode=0o400)
        if os.geteuid() == 0:  # root may write into any file
            os.chown(name, NOBODY, NOBODY)
        user = NOBODY if os.geteuid() == 0 else None
        command = ["serve", "--port", str(find_free_port())]
        try:
            status, said = run_command(Path(name), command=command, user=user)
        except PermissionError:
            pytest.skip("nobody else may enter the folder of this clone")
    assert (status, said.count("\n")) == (1, 1), said
    assert f"{lock}: Permission denied" in said


def test_one_line_says_that_nothing_can_be_written_when_the_disk_is_full(tmp_path: Path) -> None:
    kept = {name: text for name, text in os.environ.items() if not name.startswith("GUARDMDM_")}
    done = subprocess.run(
        [sys.executable, "manage.py", "bootstrap"],
        cwd=ROOT,
        env={**kept, **REAL, "GUARDMDM_DATA_DIR": str(tmp_path)},
        # Larger files fail as on a full disk.
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert "cannot be written" in done.stderr
    assert "Make room" in done.stderr


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in OTHERS])
def test_a_command_answers_in_json_when_a_script_asks_for_it(name: str) -> None:
    command = load_command_class(get_commands()[name], name)
    assert "--json" in command.create_parser("manage.py", name).format_help()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_loads_no_page_before_it_begins(name: str) -> None:
    """There is nothing to skip: Django's checks of the code load all of them."""
    command = load_command_class(get_commands()[name], name)
    assert "--skip-checks" not in command.create_parser("manage.py", name).format_help()
