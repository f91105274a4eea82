"""What a running server shows while the files below it are being updated."""

import os
import subprocess
import sys
from pathlib import Path

from django.template import Context, Engine

from guardmdm.loaded_templates import load_templates

ROOT = Path(__file__).resolve().parents[2]
SHOW_AFTER_THE_START = """
import guardmdm.wsgi
from django.template import loader
from django.template.loaders import filesystem
def fail(self, origin):
    raise AssertionError(f"{origin} is read after the start")
filesystem.Loader.get_contents = fail
for name in ("404.html", "console/device/device.html", "enroll/page.html", "account/login.html"):
    loader.get_template(name)
"""


def test_a_page_is_this_versions_when_its_file_was_updated_meanwhile(tmp_path: Path) -> None:
    page = tmp_path / "sub" / "page.html"
    page.parent.mkdir()
    page.write_text("this version")
    engine = Engine(dirs=[str(tmp_path)])
    load_templates(engine)
    page.write_text("the next version")
    assert engine.get_template("sub/page.html").render(Context()) == "this version"


def test_the_server_starts_when_a_template_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "._page.html").write_bytes(b"\x00\x05\x16\x07\xff")  # as macOS leaves them
    (tmp_path / "broken.html").write_text("{% if %}")
    load_templates(Engine(dirs=[str(tmp_path)]))


def test_no_template_is_read_after_a_web_process_has_started(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SHOW_AFTER_THE_START],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "guardmdm.settings",
            "GUARDMDM_DATA_DIR": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
