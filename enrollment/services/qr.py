"""QR codes of enrollment URLs (ISO/IEC 18004), error level L: an RS256 URL is long."""

import io

import segno

PNG_SCALE = 10
QUIET_ZONE = 4


def build_qr_png(text: str) -> bytes:
    """Return a black-on-white PNG, ten pixels a module."""
    output = io.BytesIO()
    _build(text).save(output, kind="png", scale=PNG_SCALE, border=QUIET_ZONE)
    return output.getvalue()


def build_qr_svg(text: str, *, border: int = QUIET_ZONE) -> bytes:
    """Return an SVG document that scales with its place: a viewBox, no width, no style."""
    output = io.BytesIO()
    _build(text).save(
        output,
        kind="svg",
        border=border,
        omitsize=True,
        dark="#000",
        light="#fff",
        xmldecl=False,
        nl=False,
    )
    return output.getvalue()


def _build(text: str) -> segno.QRCode:
    return segno.make_qr(text, error="l", boost_error=False)
