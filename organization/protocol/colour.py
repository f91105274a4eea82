"""An accent colour made readable: WCAG 2.2 contrast (1.4.3, 1.4.11), in light and in dark."""

import re
from dataclasses import dataclass

HEX = re.compile(r"#[0-9a-f]{6}")
DEFAULT_ACCENT = "#0062cc"
WHITE, NEAR_BLACK = "#ffffff", "#101014"
TEXT_CONTRAST, SHAPE_CONTRAST = 4.5, 3.0
STEPS = 100


@dataclass(frozen=True)
class Ground:
    """The surfaces of one theme: page, card and chip; `end` is what a colour moves towards."""

    surfaces: tuple[str, ...]
    card: str
    end: str
    tint: float


LIGHT = Ground(("#f2f2f7", "#ffffff"), "#ffffff", "#000000", 0.12)
DARK = Ground(("#000000", "#1c1c1e", "#2c2c2f"), "#1c1c1e", "#ffffff", 0.22)


@dataclass(frozen=True)
class Shades:
    """One theme's colours: a filled shape, text upon it, text and links, a tinted surface."""

    fill: str
    on_fill: str
    text: str
    tint: str


def decode_colour(text: str) -> str:
    """Return `#rrggbb` in small letters; raises ValueError."""
    value = text.strip().lower()
    if not HEX.fullmatch(value):
        raise ValueError("a colour is written #rrggbb")
    return value


def build_shades(colour: str, *, ground: Ground) -> Shades:
    """Return the colour's shades on a ground; each differs as little as contrast allows."""
    fill = _move(colour, against=(ground.card,), contrast=SHAPE_CONTRAST, end=ground.end)
    tint = mix(ground.card, fill, ground.tint)
    surfaces = (*ground.surfaces, tint)
    text = _move(fill, against=surfaces, contrast=TEXT_CONTRAST, end=ground.end)
    on_fill = WHITE if get_contrast(WHITE, fill) >= TEXT_CONTRAST else NEAR_BLACK
    if get_contrast(on_fill, fill) < TEXT_CONTRAST:  # a narrow band of middle greys
        fill = _move(fill, against=(WHITE,), contrast=TEXT_CONTRAST, end="#000000")
        on_fill = WHITE
    return Shades(fill, on_fill, text, tint)


def get_contrast(one: str, other: str) -> float:
    """Return the contrast ratio, 1 to 21 (WCAG 2.2, relative luminance)."""
    lighter, darker = sorted((_get_luminance(one), _get_luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def mix(one: str, other: str, share: float) -> str:
    """Return `one` with a `share` (0 to 1) of `other` in it."""
    pairs = zip(_split(one), _split(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def _move(colour: str, *, against: tuple[str, ...], contrast: float, end: str) -> str:
    for step in range(STEPS + 1):
        moved = mix(colour, end, step / STEPS)
        if all(get_contrast(moved, surface) >= contrast for surface in against):
            return moved
    return end


def _get_luminance(colour: str) -> float:
    red, green, blue = (_linearize(part / 255) for part in _split(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linearize(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


def _split(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
