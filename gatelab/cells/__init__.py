"""The recurrent cells. A new one is a file of its equations in `zoo/`, which `Cell` computes."""

from gatelab.cells.cell import Cell, GateOverride, State, Weights, weights_of
from gatelab.specs.cells import CellSpec

__all__ = ["Cell", "GateOverride", "State", "Weights", "build", "weights_of"]


def build(spec: CellSpec, inputs: int) -> Cell:
    """The cell that `spec` describes, for inputs of this size. Its weights are zero until they are initialized."""
    return Cell(spec.representation, inputs, spec.hidden)
