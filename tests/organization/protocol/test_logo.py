import io
import random

import pytest
from PIL import Image

from organization.protocol.logo import MAX_BYTES, PAGE_BYTES, LogoRefused, decode_logo

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    output = io.BytesIO()
    image.save(output, kind, **options)
    return output.getvalue()


def make_noise(width: int, height: int) -> Image.Image:
    return Image.frombytes("RGB", (width, height), random.Random(5).randbytes(width * height * 3))


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_picture_is_drawn_anew_in_two_sizes(kind: str) -> None:
    logo = decode_logo(encode(make_noise(500, 250), kind))
    page, large = (Image.open(io.BytesIO(part)) for part in (logo.page, logo.large))
    assert (page.format, large.format) == ("PNG", "PNG")
    assert large.size == (500, 250)
    assert page.height <= 132
    assert len(logo.page) <= PAGE_BYTES


def test_nothing_of_the_file_but_its_picture_is_kept() -> None:
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    content = encode(Image.new("RGB", (80, 40), "navy"), "JPEG", exif=exif) + SVG
    assert b"taken at home" in content
    logo = decode_logo(content)
    assert not any(b"taken at home" in part or b"<svg" in part for part in (logo.page, logo.large))


def test_transparent_parts_are_white() -> None:
    image = Image.new("RGBA", (60, 60), (0, 0, 0, 0))
    image.paste((200, 0, 0, 255), (0, 0, 60, 30))
    shown = Image.open(io.BytesIO(decode_logo(encode(image)).page)).convert("RGB")
    assert shown.getpixel((30, 45)) == (255, 255, 255)
    assert shown.getpixel((30, 10)) == (200, 0, 0)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (SVG, "no PNG or JPEG"),
        (b"", "no PNG or JPEG"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "no PNG or JPEG"),
        (encode(make_noise(200, 200))[:-3000], "no PNG or JPEG"),
        (encode(make_noise(20, 20), "GIF"), "no PNG or JPEG"),
        (encode(make_noise(20, 20), exif=b"neither byte order"), "no PNG or JPEG"),
        (encode(Image.new("1", (5000, 10))), "2000 pixels"),
        (encode(Image.new("RGBA", (40, 40), (255, 255, 255, 90))), "white ground"),
        (b"\x89PNG" + b"\0" * MAX_BYTES, "1 MB"),
    ],
    ids=["svg", "empty", "broken", "cut", "gif", "metadata", "huge", "white", "large"],
)
def test_what_is_no_logo_is_refused_with_the_reason(content: bytes, words: str) -> None:
    with pytest.raises(LogoRefused, match=words):
        decode_logo(content)
