"""The published cells that come with Gatelab, each a file of its equations: `gatelab/cells/zoo/<name>.cell`.

A file begins with two comments: what the cell is called, and where it was published. A new file is a new cell.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files

from gatelab.equations import Representation, read

SUFFIX = ".cell"
FOLDER = files("gatelab") / "cells" / "zoo"


@dataclass(frozen=True)
class ZooCell:
    """
    Attributes:
        name: of the file.
        title: what the cell is called.
        source: where it was published.
        equations: the whole text of the file.
    """

    name: str
    title: str
    source: str
    equations: str

    @cached_property
    def representation(self) -> Representation:
        return read(self.equations)


@cache
def zoo() -> Mapping[str, ZooCell]:
    """Name -> cell, in the order of the names."""
    found = sorted(file.name for file in FOLDER.iterdir() if file.name.endswith(SUFFIX))
    return {name.removesuffix(SUFFIX): _cell(name) for name in found}


def _cell(file: str) -> ZooCell:
    text = FOLDER.joinpath(file).read_text(encoding="utf-8")
    title, source = (line.removeprefix("#").strip().removesuffix(".") for line in text.splitlines()[:2])
    return ZooCell(file.removesuffix(SUFFIX), title, source, text)
