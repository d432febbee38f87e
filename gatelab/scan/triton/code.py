"""A cell's kernels, which are generated from its equations and read by Triton on first use."""

import hashlib
import linecache
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

from gatelab.equations import Representation
from gatelab.equations.triton.generate import generate
from gatelab.equations.triton.layout import Layout

_modules: dict[str, dict[str, Any]] = {}
_lock = Lock()


@dataclass(frozen=True)
class Code:
    """The kernels of a cell, and the layout of its numbers in their arrays (see `kernels.tiles`)."""

    layout: Layout
    kernels: Mapping[str, Any]

    @property
    def inputs(self) -> list[tuple[str, str | None]]:
        """The letters of the matrix and of the bias, of each sum with the input."""
        return [(self._letter(matrix), None if b is None else self._letter(b)) for matrix, b in self.layout.inputs]

    @property
    def matrices(self) -> list[str]:
        """The letters of the recurrent matrices, one for each product."""
        return [self._letter(product.letter) for product in self.layout.products]

    @property
    def biases(self) -> list[str]:
        """The letters of the biases of sums without the input."""
        return [self._letter(letter) for _, letter in self.layout.biases]

    @property
    def vectors(self) -> list[str]:
        """The letters of the vectors and scalars that single units are computed with."""
        return [self._letter(letter) for letter in self.layout.vectors]

    def _letter(self, place: int) -> str:
        return self.layout.representation.parameters[place].name


def code_of(representation: Representation) -> Code:
    """The code of a cell. Triton compiles a kernel when it is launched for the first time."""
    layout = Layout(representation)
    return Code(layout, _module(generate(layout)))


def _module(text: str) -> Mapping[str, Any]:
    """The names that the module with this text defines; the same text is read once per process."""
    name = f"gatelab.scan.triton.cell_{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    with _lock:
        if name not in _modules:
            file = f"<{name}>"
            # Triton asks Python for the text of each kernel, which looks here.
            linecache.cache[file] = len(text), None, text.splitlines(keepends=True), file
            defined: dict[str, Any] = {"__name__": name}
            exec(compile(text, file, "exec"), defined)
            _modules[name] = defined
        return _modules[name]
