"""deploy/guardmdm.service, and the lines of docs/deployment.md that go with it."""

import re
import shlex
import subprocess
from configparser import RawConfigParser
from pathlib import Path

from django.core.management import load_command_class

from guardmdm.env import DEFAULTS

ROOT = Path(__file__).resolve().parents[2]
DOCS = (ROOT / "docs" / "deployment.md").read_text()


def read_unit() -> RawConfigParser:
    unit = RawConfigParser()
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(ROOT / "deploy" / "guardmdm.service")
    return unit


def test_the_unit_starts_what_there_is() -> None:
    service = read_unit()["Service"]
    python, program, command, *options = shlex.split(service["ExecStart"])
    home = Path(service["WorkingDirectory"])
    assert Path(python) == home / ".venv/bin/python"
    assert (ROOT / program).is_file()
    parser = load_command_class("guardmdm", command).create_parser("manage.py", command)
    assert parser.parse_args(options).port == 8000


def test_the_units_settings_are_ours() -> None:
    names = re.findall(r"\bGUARDMDM_(\w+)=", str(dict(read_unit()["Service"])) + DOCS)
    assert names
    assert set(names) <= set(DEFAULTS)


def test_the_guides_sed_leaves_nothing_of_the_containers_in_nginxs_configuration() -> None:
    command = re.search(r"^    (sed -e s/web[^>]*?) > /etc/nginx/nginx.conf$", DOCS, re.M)
    assert command
    words = shlex.split(command[1].replace("\\\n", " "))
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "server 127.0.0.1:8000;" in done.stdout
    for foreign in (
        "web:8000",
        "/dev/std",
        "/srv/guardmdm/static",
        "X-Sendfile",
        "example.com",
        "YOUR",
    ):
        assert foreign not in done.stdout, foreign
