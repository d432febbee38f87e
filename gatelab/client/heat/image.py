"""A heat map as a PNG."""

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from gatelab.client.heat.colours import colour
from gatelab.client.heat.panels import Panel, marks

WIDEST = 16_000
"""Pixels: more than most programs show."""
LABEL, MARGIN, LINE = 76, 12, 20
BIGGEST, LEGIBLE = 16, 9
"""The largest width of a step in pixels, and the smallest in which a letter can be read."""
HEIGHT_OF_ALL = 20_000
LEGEND = "gates: dark 0, bright 1; states: blue -1, white 0, red 1"


def png(panels: Sequence[Panel], tokens: Sequence[str]) -> bytes:
    """All panels below each other, with a column for each step and a row for each unit."""
    step = max(1, min(BIGGEST, (WIDEST - LABEL - 2 * MARGIN) // len(tokens)))
    rows = sum(len(panel.rows) for panel in panels)
    row = max(1, min(14, (HEIGHT_OF_ALL - len(panels) * 3 * LINE) // max(1, rows)))
    font = ImageFont.load_default(12)
    titles = max(font.getlength(text) for text in (LEGEND, *(panel.title for panel in panels)))
    width = int(max(LABEL + step * len(tokens), titles)) + 2 * MARGIN
    height = LINE + MARGIN + sum(3 * LINE + row * len(panel.rows) for panel in panels)
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    top = MARGIN
    for panel in panels:
        draw.text((MARGIN, top), panel.title, "black", font)
        if step >= LEGIBLE:
            for at, mark in enumerate(marks(tokens)):
                centre = MARGIN + LABEL + at * step + step / 2
                draw.text((centre, top + LINE), _drawn(mark), "black", font, anchor="ma")
        top += 2 * LINE
        for label, values in panel.rows:
            if row >= LEGIBLE:
                draw.text((MARGIN, top + row / 2), label, "black", font, anchor="lm")
            for at, value in enumerate(values):
                left = MARGIN + LABEL + at * step
                draw.rectangle((left, top, left + step - 1, top + row - 1), colour(value, panel.low))
            top += row
        top += LINE
    draw.text((MARGIN, top), LEGEND, "black", font)
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def _drawn(mark: str) -> str:
    """The characters of the font that comes with Pillow."""
    return {"▸": "^", "⏎": "\\", "→": ">", "…": "."}.get(mark, mark)
