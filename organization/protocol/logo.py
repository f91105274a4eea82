"""A logo as an administrator uploads it, drawn anew: what is kept was written here.

PNG and JPEG only, and never the file itself: no scripts (SVG), no metadata such as a place, no
second format hidden in it. Transparent parts become white, the ground that pages show it on.
"""

import hashlib
import io
from dataclasses import dataclass

from PIL import Image, ImageOps

FORMATS = ("PNG", "JPEG")
MAX_BYTES = 1024 * 1024
MAX_SIDE = 2000
LARGE_SIDE = 640
# On the page it stands 44 pixels high on a screen of three device pixels each.
PAGE_SIZES = ((396, 132), (264, 88), (132, 44))
PAGE_BYTES = 12 * 1024
COLOURS = 128
# Lighter than this everywhere, nothing is to be seen on white.
VISIBLE = 225


class LogoRefused(ValueError):
    """Says in plain words why a file is no logo; the text is fit for the form."""


@dataclass(frozen=True)
class Logo:
    """PNG files: `page` for screens, of a few KB, and `large` for paper."""

    page: bytes
    large: bytes

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.page + self.large).hexdigest()[:16]


def decode_logo(content: bytes) -> Logo:
    """Return the logo in its two sizes; raises LogoRefused."""
    if len(content) > MAX_BYTES:
        raise LogoRefused("The file is larger than 1 MB.")
    image = _read(content)
    if image.convert("L").getextrema()[0] > VISIBLE:  # type: ignore[operator]
        raise LogoRefused("On a white ground nothing of this image can be seen.")
    return Logo(page=_encode_page(image), large=_encode(_fit(image, LARGE_SIDE, LARGE_SIDE)))


def _read(content: bytes) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
        if max(image.size) > MAX_SIDE:
            raise LogoRefused(f"The image is larger than {MAX_SIDE} pixels a side.")
        image.load()
        return _flatten(image)  # reads the metadata, too: which side is up
    except LogoRefused:
        raise
    # Pillow tells of damaged files by these, and by Image.DecompressionBombError.
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise LogoRefused("This is no PNG or JPEG image.") from error


def _flatten(image: Image.Image) -> Image.Image:
    turned = ImageOps.exif_transpose(image).convert("RGBA")
    ground = Image.new("RGBA", turned.size, "white")
    ground.alpha_composite(turned)
    return ground.convert("RGB")


def _fit(image: Image.Image, width: int, height: int) -> Image.Image:
    copy = image.copy()
    copy.thumbnail((width, height), Image.Resampling.LANCZOS)
    return copy


def _encode_page(image: Image.Image) -> bytes:
    for width, height in PAGE_SIZES:
        content = _encode(_fit(image, width, height).quantize(COLOURS))
        if len(content) <= PAGE_BYTES:
            break
    return content


def _encode(image: Image.Image) -> bytes:
    output = io.BytesIO()
    image.save(output, "PNG", optimize=True)
    return output.getvalue()
