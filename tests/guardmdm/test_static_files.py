import re
from pathlib import Path

from django.contrib.staticfiles.finders import find, get_finders
from django.template.loader import render_to_string
from PIL import Image

from guardmdm import settings as real_settings
from guardmdm.static_files import UsedFilesStorage

ROOT = Path(__file__).resolve().parents[2]
STATIC_TAG = re.compile(r"""\{%\s*static\s+['"]([^'"]+)['"]""")


def list_found():
    return {name for finder in get_finders() for name, _ in finder.list([])}


def test_every_file_that_a_template_names_is_served():
    named = {
        name
        for template in (ROOT / "templates").rglob("*.html")
        for name in STATIC_TAG.findall(template.read_text())
    }
    assert named
    assert named <= list_found()
    assert {"django_htmx/htmx-2.min.js", "django_htmx/django-htmx.js"} <= list_found()


def test_each_page_with_an_icon_has_one_for_browsers_that_draw_no_svg():
    """Safari before 26, and a Home Screen, whose icons have 180 pixels."""
    links = render_to_string("touch_icon.html")
    assert {"icon", "apple-touch-icon"} == set(re.findall('rel="([^"]+)"', links))
    with Image.open(str(find("console/touch-icon.png"))) as image:
        assert (image.format, image.size) == ("PNG", (180, 180))
    for template in (ROOT / "templates").rglob("*.html"):
        text = template.read_text()
        assert ("icon.svg" in text) == ('include "touch_icon.html"' in text), template


def test_what_no_page_loads_is_left_out():
    assert not [name for name in list_found() if name.endswith(".map") or "redoc" in name]


def test_the_server_names_files_by_their_content():
    assert real_settings.STORAGES["staticfiles"]["BACKEND"].endswith(UsedFilesStorage.__name__)


def test_a_style_sheet_may_name_a_source_map_that_is_not_served(tmp_path, settings):
    storage = UsedFilesStorage(location=tmp_path)
    (tmp_path / "a.css").write_text("a{}\n/*# sourceMappingURL=a.css.map */\n")
    results = list(storage.post_process({"a.css": (storage, "a.css")}))
    assert not [processed for _, _, processed in results if isinstance(processed, Exception)]
