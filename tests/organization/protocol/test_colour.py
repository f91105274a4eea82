import itertools

import pytest

from organization.protocol.colour import (
    DARK,
    LIGHT,
    Ground,
    build_shades,
    decode_colour,
    get_contrast,
)

# Every colour of the web-safe cube: greys and pure hues, the darkest and the lightest among them.
COLOURS = [
    "#" + "".join(f"{part:02x}" for part in parts)
    for parts in itertools.product(range(0, 256, 51), repeat=3)
]


@pytest.mark.parametrize("ground", [LIGHT, DARK], ids=["light", "dark"])
def test_texts_are_readable_whatever_the_colour(ground: Ground) -> None:
    for colour in COLOURS:
        shades = build_shades(colour, ground=ground)
        for surface in (*ground.surfaces, shades.tint):
            assert get_contrast(shades.text, surface) >= 4.5, (colour, surface)
        assert get_contrast(shades.on_fill, shades.fill) >= 4.5, colour
        assert get_contrast(shades.fill, ground.card) >= 3, colour


def test_a_readable_colour_stays_as_it_is() -> None:
    shades = build_shades("#0b5d3b", ground=LIGHT)
    assert (shades.fill, shades.on_fill, shades.text) == ("#0b5d3b", "#ffffff", "#0b5d3b")


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [("#000000", "#ffffff", 21.0), ("#767676", "#ffffff", 4.54), ("#ff0000", "#ffffff", 4.0)],
)
def test_contrast_is_that_of_wcag(one: str, other: str, ratio: float) -> None:
    assert get_contrast(one, other) == pytest.approx(ratio, abs=0.01)


@pytest.mark.parametrize("text", ["", "red", "#12345", "#12345g", "#1234567", "}body{", "#123"])
def test_what_is_no_colour_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        decode_colour(text)
