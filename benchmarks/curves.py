"""Curves as a self-contained SVG file, for the pages in docs/."""

import math
from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT = 640, 320
LEFT, RIGHT, TOP, BOTTOM = 56, 150, 16, 44
COLOURS = ("#7f7f7f", "#d62728", "#2ca02c", "#1f77b4", "#9467bd", "#8c564b")

Curve = Mapping[int, Sequence[float]]
"""x -> the measurements at x, each a share from 0 to 1."""


def svg(curves: Mapping[str, Curve], x: str, y: str, base: float) -> str:
    """Draw means as lines over a logarithmic axis, each measurement as a dot, and a dashed line at `base`."""
    places = sorted({at for curve in curves.values() for at in curve})
    parts = [
        '<rect width="100%" height="100%" fill="white"/>',
        *_axes(places, x, y),
        _line(LEFT, _up(base), WIDTH - RIGHT, _up(base), "#000", 'stroke-dasharray="4 4"'),
        _text(WIDTH - RIGHT + 8, _up(base) + 4, "guessing"),
    ]
    for number, (name, curve) in enumerate(curves.items()):
        parts += _curve(name, curve, places, COLOURS[number % len(COLOURS)], TOP + 14 + 20 * number)
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">'
    return "\n".join([head, *parts, "</svg>", ""])


def _curve(name: str, curve: Curve, places: Sequence[int], colour: str, legend: int) -> list[str]:
    points = [(_across(at, places), _up(sum(shares) / len(shares))) for at, shares in sorted(curve.items())]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = [(_across(at, places), _up(share)) for at, shares in curve.items() for share in shares]
    return [
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>',
        *(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}" fill-opacity="0.5"/>' for x, y in dots),
        _line(WIDTH - RIGHT + 8, legend - 4, WIDTH - RIGHT + 26, legend - 4, colour, 'stroke-width="2"'),
        _text(WIDTH - RIGHT + 32, legend, name),
    ]


def _axes(places: Sequence[int], x: str, y: str) -> list[str]:
    bottom = HEIGHT - BOTTOM
    parts = []
    for at in places:
        parts.append(_line(_across(at, places), TOP, _across(at, places), bottom, "#ddd"))
        parts.append(_text(_across(at, places), bottom + 16, str(at), "middle"))
    for share in (0, 0.25, 0.5, 0.75, 1):
        parts.append(_line(LEFT, _up(share), WIDTH - RIGHT, _up(share), "#ddd"))
        parts.append(_text(LEFT - 6, _up(share) + 4, f"{share:.0%}", "end"))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, x, "middle"))
    middle = (TOP + bottom) / 2
    parts.append(f'<text transform="translate(14 {middle:.0f}) rotate(-90)" text-anchor="middle">{escape(y)}</text>')
    return parts


def _across(at: int, places: Sequence[int]) -> float:
    low, high = math.log(places[0]), math.log(places[-1])
    return LEFT + (math.log(at) - low) / ((high - low) or 1) * (WIDTH - RIGHT - LEFT)


def _up(share: float) -> float:
    return HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, more: str = "") -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" {more}/>'


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
