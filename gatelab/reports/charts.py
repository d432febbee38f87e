"""Charts as SVG, drawn here: a report is one self-contained file.

Colours come from the page's style sheet by class, so that a chart follows the page into dark mode.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 60, 14, 14, 42
COLOURS = 12
"""The number of series with distinguishable colours."""

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Series:
    """A line through `points` (x, y), named in the legend unless its name is empty."""

    name: str
    points: Points


@dataclass(frozen=True)
class Axis:
    """A range of values, and its place on the page between `start` and `end`."""

    low: float
    high: float
    start: float
    end: float
    log: bool

    @classmethod
    def over(cls, values: Sequence[float], start: float, end: float, *, log: bool) -> "Axis":
        """An axis that holds all `values`; logarithmic only where they are all positive."""
        low, high = min(values), max(values)
        log = log and low > 0
        if low == high:
            low, high = (low / 2, high * 2) if log else (low - 0.5, high + 0.5)
        return cls(low, high, start, end, log)

    def place(self, value: float) -> float:
        low, high, at = (math.log(v) if self.log else v for v in (self.low, self.high, value))
        return self.start + (at - low) / (high - low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Round numbers inside the range: 1, 2, 5 times powers of ten."""
        if self.log and self.high / self.low > 5:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            found = [factor * 10.0**power for power in powers for factor in (1, 2, 5)]
            inside = [tick for tick in found if self.low <= tick <= self.high]
            return inside if len(inside) <= 8 else [tick for tick in inside if f"{tick:e}".startswith("1")]
        step = _round_step((self.high - self.low) / 5)
        first = math.ceil(self.low / step)
        return [index * step for index in range(first, math.floor(self.high / step) + 1)]


def line_chart(
    title: str, series: Sequence[Series], x: str, y: str, *, log_x: bool = False, log_y: bool = False
) -> str:
    """Lines over a numeric axis. `title` is what a screen reader says. Points that are not finite are left out."""
    drawn = [Series(each.name, [p for p in each.points if all(map(math.isfinite, p))]) for each in series]
    drawn = [each for each in drawn if each.points]
    if not drawn:
        return ""
    across = Axis.over([px for each in drawn for px, _ in each.points], LEFT, WIDTH - RIGHT, log=log_x)
    up = Axis.over([py for each in drawn for _, py in each.points], HEIGHT - BOTTOM, TOP, log=log_y)
    parts = [*_grid(across, up), *_names(x, y)]
    parts += [_line(each, index, across, up) for index, each in enumerate(drawn)]
    return _svg(title, parts) + _legend(drawn)


def bar_chart(title: str, bars: Sequence[tuple[str, float]]) -> str:
    """Shares (0..1) as horizontal bars, each with its name and its figure."""
    row = 26
    height = row * len(bars) + 8
    parts = []
    for index, (name, share) in enumerate(bars):
        at, width = 4 + index * row, max(1.0, share * (WIDTH - 260))
        parts.append(f'<text class="label" x="170" y="{at + 16}" text-anchor="end">{escape(name)}</text>')
        parts.append(f'<rect class="bar" x="180" y="{at + 3}" width="{width:.1f}" height="18" rx="2"/>')
        parts.append(f'<text class="label" x="{186 + width:.1f}" y="{at + 16}">{share:.1%}</text>')
    return _svg(title, parts, height)


def _svg(title: str, parts: Sequence[str], height: int = HEIGHT) -> str:
    name = escape(title, quote=True)
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{name}">{"".join(parts)}</svg>'


def _grid(across: Axis, up: Axis) -> list[str]:
    parts = []
    for tick in across.ticks():
        at = across.place(tick)
        parts.append(f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>')
        parts.append(f'<text class="tick" x="{at:.1f}" y="{HEIGHT - BOTTOM + 15}" text-anchor="middle">{tick:g}</text>')
    for tick in up.ticks():
        at = up.place(tick)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{tick:g}</text>')
    return parts


def _names(x: str, y: str) -> list[str]:
    middle, centre = (LEFT + WIDTH - RIGHT) / 2, (TOP + HEIGHT - BOTTOM) / 2
    upright = f'transform="translate(13 {centre:.0f}) rotate(-90)"'
    return [
        f'<text class="label" x="{middle:.0f}" y="{HEIGHT - 6}" text-anchor="middle">{escape(x)}</text>',
        f'<text class="label" {upright} text-anchor="middle">{escape(y)}</text>',
    ]


def _line(series: Series, index: int, across: Axis, up: Axis) -> str:
    colour = f"c{index % COLOURS}"
    places = [(across.place(x), up.place(y)) for x, y in series.points]
    name = f"<title>{escape(series.name)}</title>"
    parts = [f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}"/>']
    if len(places) <= 20:
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in places]
    return f'<g class="line {colour}">{name}{"".join(parts)}</g>'


def _legend(series: Sequence[Series]) -> str:
    named = [(index, each.name) for index, each in enumerate(series) if each.name]
    items = "".join(f'<li class="c{index % COLOURS}">{escape(name)}</li>' for index, name in named)
    return f'<ul class="legend">{items}</ul>' if items else ""


def _round_step(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if step <= factor * power * 1.0001)
