"""The text of a module with all kernels of a cell."""

from collections.abc import Iterator

from gatelab.equations.triton import persistent, stepwise
from gatelab.equations.triton.layout import Layout

IMPORTS = (
    "import triton",
    "import triton.language as tl",
    "",
    "from gatelab.scan.triton.kernels import functions, tiles",
)


def generate(layout: Layout) -> str:
    """Kernels `persistent_forward` and `persistent_backward`, and `forward_0`, `backward_0`, ... for each phase.

    `parts` defines their arguments, `gatelab.scan.triton.kernels.tiles` their arrays.
    """
    return "\n".join(_lines(layout)) + "\n"


def _lines(layout: Layout) -> Iterator[str]:
    yield from IMPORTS
    yield from persistent.forward(layout)
    yield from persistent.backward(layout)
    for phase in range(layout.plan.phases):
        yield from stepwise.forward(layout, phase)
        yield from stepwise.backward(layout, phase)
