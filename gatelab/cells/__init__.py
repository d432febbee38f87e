"""The recurrent cells. A new one is a file of its equations in `zoo/`, which `EquationCell` computes."""

from gatelab.cells.base import Cell, GateOverride, State
from gatelab.cells.equations import EquationCell
from gatelab.cells.gru import Gru
from gatelab.cells.lstm import Lstm
from gatelab.cells.rnn import Rnn
from gatelab.specs.cells import CellSpec, EquationsSpec, GruSpec, LstmSpec, RnnSpec

__all__ = ["Cell", "EquationCell", "GateOverride", "Gru", "Lstm", "Rnn", "State", "build"]


def build(spec: CellSpec, inputs: int) -> Cell:
    """The cell that `spec` describes, for inputs of this size. Its weights are zero until they are initialised."""
    match spec:
        case RnnSpec():
            return Rnn(spec, inputs)
        case GruSpec():
            return Gru(spec, inputs)
        case LstmSpec():
            return Lstm(spec, inputs)
        case EquationsSpec():
            return EquationCell(spec.representation, inputs, spec.hidden)
