"""`/branding/`: logo and colours, from our own origin; an address holds what its answer is.

So answers are kept for a year, and say nothing that the enrollment page does not.
"""

from functools import lru_cache

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed

from organization.models import OrganizationLogo
from organization.protocol.colour import DARK, LIGHT, Shades, build_shades

FOREVER = "public, max-age=31536000, immutable"
METHODS = ("GET", "HEAD")


def show_colours(request: HttpRequest, colour: str) -> HttpResponse:
    """The shades of `colour` (six hexadecimal digits) as CSS variables, light and dark."""
    if request.method not in METHODS:
        return HttpResponseNotAllowed(METHODS)
    return _answer(build_style_sheet(colour).encode(), content_type="text/css; charset=utf-8")


def show_logo(request: HttpRequest, digest: str, size: str) -> HttpResponse:
    if request.method not in METHODS:
        return HttpResponseNotAllowed(METHODS)
    content = OrganizationLogo.objects.filter(digest=digest).values_list(size, flat=True).first()
    if content is None:
        raise Http404
    return _answer(bytes(content), content_type="image/png")


@lru_cache(maxsize=32)
def build_style_sheet(colour: str) -> str:
    light, dark = (build_shades(f"#{colour}", ground=ground) for ground in (LIGHT, DARK))
    return (
        f":root{{{_build_variables(light)}}}"
        f"@media (prefers-color-scheme:dark){{:root{{{_build_variables(dark)}}}}}"
        f"@media print{{:root{{{_build_variables(light)}}}}}\n"
    )


def _build_variables(shades: Shades) -> str:
    return (
        f"--fill:{shades.fill};--on-fill:{shades.on_fill};"
        f"--accent:{shades.text};--tint:{shades.tint}"
    )


def _answer(content: bytes, *, content_type: str) -> HttpResponse:
    return HttpResponse(content, content_type=content_type, headers={"Cache-Control": FOREVER})
