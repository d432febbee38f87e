"""Which kernel code computes a cell."""

from dataclasses import dataclass
from typing import Any

from gatelab.scan.triton.kernels import pointwise
from gatelab.scan.triton.kernels.tiles import AFTER, BEFORE
from gatelab.specs.base import Spec
from gatelab.specs.cells import CellSpec, GruSpec, LstmSpec, RnnSpec, in_words


@dataclass(frozen=True)
class Equations:
    """A cell as the kernels see it.

    Attributes:
        forward, backward: its elementwise functions, from `kernels.pointwise`.
        blocks: how many times `hidden` its input side is wide.
        tensors: how many tensors its state has.
        reset: 0, or where its reset gate acts: BEFORE or AFTER the product.
    """

    forward: Any
    backward: Any
    blocks: int
    tensors: int = 1
    reset: int = 0


def equations(spec: CellSpec) -> Equations:
    """The kernel code of the cell that `spec` describes.

    Raises:
        ValueError: there is none.
    """
    found = _equations(spec)
    if found is None:
        raise ValueError(f"no kernel code for the cell {in_words(spec)}")
    return found


def knows(spec: CellSpec) -> bool:
    """Whether there is kernel code for the cell that `spec` describes."""
    return _equations(spec) is not None


def _equations(spec: Spec) -> Equations | None:
    match spec:
        case RnnSpec(activation="tanh"):
            return Equations(pointwise.rnn_tanh, pointwise.rnn_tanh_backward, blocks=1)
        case RnnSpec(activation="relu"):
            return Equations(pointwise.rnn_relu, pointwise.rnn_relu_backward, blocks=1)
        case LstmSpec():
            return Equations(pointwise.lstm, pointwise.lstm_backward, blocks=4, tensors=2)
        case GruSpec(gates=gates):
            where = BEFORE.value if spec.reset == "before" else AFTER.value
            reset = where if "reset" in gates else 0
            if "update" in gates:
                return Equations(pointwise.gru_update, pointwise.gru_update_backward, len(gates) + 1, reset=reset)
            return Equations(pointwise.rnn_tanh, pointwise.rnn_tanh_backward, len(gates) + 1, reset=reset)
    return None
