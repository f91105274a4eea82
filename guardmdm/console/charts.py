"""Charts as numbers for SVG templates: no script draws them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

WIDTH, HEIGHT = 600, 200  # user units of the area chart
CIRCUMFERENCE = 100  # of the donut: a radius of 15.9155 makes a unit a percent


@dataclass(frozen=True)
class Spot:
    """A day of an area chart: where its tooltip lies and what it says."""

    x: float
    day: date
    count: int


@dataclass(frozen=True)
class Area:
    """`curve` and `area` are SVG paths; `spots` are `width` wide."""

    curve: str
    area: str
    spots: list[Spot]
    width: float
    highest: int


@dataclass(frozen=True)
class Slice:
    """A part of a donut: `share` and `offset` in percent of its circumference."""

    label: Any
    tone: str
    count: int
    share: float
    offset: float


def build_area(days: Sequence[tuple[date, int]]) -> Area:
    """Return the chart of at least two days and their counts."""
    highest = max(count for _, count in days)
    step = WIDTH / (len(days) - 1)
    points = [
        (round(place * step, 1), round(HEIGHT - (HEIGHT - 10) * count / (highest or 1), 1))
        for place, (_, count) in enumerate(days)
    ]
    curve = "M" + " L".join(f"{x},{y}" for x, y in points)
    spots = [
        Spot(round(x - step / 2, 1), day, count)
        for (x, _), (day, count) in zip(points, days, strict=True)
    ]
    area = f"{curve} L{WIDTH},{HEIGHT} L0,{HEIGHT} Z"
    return Area(curve, area, spots, round(step, 1), highest)


def build_donut(parts: Sequence[tuple[Any, str, int]]) -> list[Slice]:
    """Return the slices of (label, tone, count), the first one at the top."""
    total = sum(count for *_, count in parts) or 1
    slices: list[Slice] = []
    begun = 0.0
    for label, tone, count in parts:
        share = round(CIRCUMFERENCE * count / total, 3)
        slices.append(Slice(label, tone, count, share, round(-begun, 3)))
        begun += share
    return slices
