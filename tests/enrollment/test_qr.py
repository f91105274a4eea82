"""QR codes: the size that a camera can read, and the shape that a page can show."""

import struct
from xml.etree import ElementTree

import pytest

from enrollment.services.qr import build_qr_png, build_qr_svg
from enrollment.services.token_texts import build_enrollment_url
from tests.enrollment.conftest import MakeToken

pytestmark = pytest.mark.django_db
VERSION_19, BORDER, SCALE = 17 + 4 * 19, 4, 10


def test_code_is_at_most_version_19_when_it_holds_an_enrollment_url(make_token: MakeToken) -> None:
    png = build_qr_png(build_enrollment_url(make_token(name="Engineering BYOD", max_uses=100)))
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    assert width == height
    assert width % SCALE == 0
    assert width // SCALE - 2 * BORDER <= VERSION_19


def test_svg_scales_and_holds_no_style_when_shown_under_the_policy(make_token: MakeToken) -> None:
    svg = build_qr_svg(build_enrollment_url(make_token()))
    root = ElementTree.fromstring(svg)  # noqa: S314 - our own output
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "viewBox" in root.attrib
    assert not {"width", "height"} & set(root.attrib)
    assert b"style" not in svg
    assert b"eyJ" not in svg
