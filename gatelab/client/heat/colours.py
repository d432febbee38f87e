"""The colours of heat maps: dark to bright for shares, blue over white to red where zero is in the middle."""

from collections.abc import Sequence

Colour = tuple[int, int, int]

SHARES: Sequence[Colour] = ((13, 22, 74), (31, 81, 142), (34, 140, 141), (94, 201, 98), (253, 231, 37))
SIGNED: Sequence[Colour] = ((33, 102, 172), (146, 197, 222), (247, 247, 247), (244, 165, 130), (178, 24, 43))
NOTHING: Colour = (128, 128, 128)


def colour(value: float | None, low: float) -> Colour:
    """The colour of a value between `low` (0 or -1) and 1; grey without a value."""
    if value is None:
        return NOTHING
    scale = SIGNED if low < 0 else SHARES
    place = min(max((value - low) / (1 - low), 0.0), 1.0) * (len(scale) - 1)
    below = min(int(place), len(scale) - 2)
    a, b = scale[below], scale[below + 1]
    share = place - below
    return (_between(a[0], b[0], share), _between(a[1], b[1], share), _between(a[2], b[2], share))


def ink(background: Colour) -> Colour:
    """Black or white, whichever can be read on `background` (ITU-R BT.601 luma)."""
    red, green, blue = background
    return (0, 0, 0) if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else (255, 255, 255)


def _between(a: int, b: int, share: float) -> int:
    return round(a + (b - a) * share)
