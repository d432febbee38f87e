"""The recurrent cells. A new variant: its few lines in `gatelab/specs/cells.py`, one file here, one line in `build`.

`EquationCell` is any cell from its equations (`gatelab.equations`); `gatelab.cells.zoo` has published ones.
"""

from gatelab.cells.base import Cell, GateOverride, State
from gatelab.cells.equations import EquationCell
from gatelab.cells.gru import Gru
from gatelab.cells.lstm import Lstm
from gatelab.cells.rnn import Rnn
from gatelab.specs.cells import CellSpec, GruSpec, LstmSpec, RnnSpec

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
