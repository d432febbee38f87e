"""The recurrent cells as textbooks write them: a matrix product for every block of weights, step by step.

The RNN, LSTM and GRU from scratch of Dive into Deep Learning (Zhang et al., d2l.ai, sections 9.5, 10.1 and 10.2),
written for this comparison. The GRU is also available with one gate, and with the reset gate after the matrix product.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

State = tuple[Tensor, ...]
SIGMA = 0.01
"""The standard deviation of the initial weights."""


def normal(rows: int, columns: int) -> Tensor:
    return (torch.randn(rows, columns) * SIGMA).requires_grad_()


def zeros(length: int) -> Tensor:
    return torch.zeros(length, requires_grad=True)


class TextbookCell(ABC):
    """One layer. Its blocks of weights are named: block b has weights["xb"], weights["hb"] and weights["bb"]."""

    tensors_in_state = 1

    def __init__(self, blocks: str, inputs: int, hidden: int) -> None:
        self.blocks, self.hidden = blocks, hidden
        self.weights: dict[str, Tensor] = {}
        for block in blocks:
            self.weights |= {
                f"x{block}": normal(inputs, hidden),
                f"h{block}": normal(hidden, hidden),
                f"b{block}": zeros(hidden),
            }

    @abstractmethod
    def step(self, x: Tensor, state: State) -> State:
        """The state after reading an input (batch, inputs). `state[0]` is the output."""

    def initial_state(self, batch: int) -> State:
        return tuple(torch.zeros(batch, self.hidden) for _ in range(self.tensors_in_state))

    def linear(self, block: str, x: Tensor, h: Tensor) -> Tensor:
        w = self.weights
        return x @ w[f"x{block}"] + h @ w[f"h{block}"] + w[f"b{block}"]


class Rnn(TextbookCell):
    """The tanh RNN."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__("h", inputs, hidden)

    def step(self, x: Tensor, state: State) -> State:
        return (torch.tanh(self.linear("h", x, state[0])),)


class Gru(TextbookCell):
    """The GRU with the gates in `gates` (r, z or both), and the reset before or after the product."""

    def __init__(self, inputs: int, hidden: int, gates: str = "zr", reset_after: bool = False) -> None:
        super().__init__(f"{gates}h", inputs, hidden)
        self.reset_after = reset_after
        if reset_after:
            self.weights["dh"] = zeros(hidden)

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        r = torch.sigmoid(self.linear("r", x, h)) if "r" in self.blocks else None
        candidate = torch.tanh(self._candidate(x, h, r))
        if "z" not in self.blocks:
            return (candidate,)
        z = torch.sigmoid(self.linear("z", x, h))
        return (z * h + (1 - z) * candidate,)

    def _candidate(self, x: Tensor, h: Tensor, r: Tensor | None) -> Tensor:
        w = self.weights
        if r is None:
            return self.linear("h", x, h)
        if self.reset_after:
            return x @ w["xh"] + w["bh"] + r * (h @ w["hh"] + w["dh"])
        return self.linear("h", x, r * h)


class Lstm(TextbookCell):
    """The LSTM with input, forget and output gates."""

    tensors_in_state = 2

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__("ifog", inputs, hidden)

    def step(self, x: Tensor, state: State) -> State:
        h, c = state
        i, f, o = (torch.sigmoid(self.linear(block, x, h)) for block in "ifo")
        c = f * c + i * torch.tanh(self.linear("g", x, h))
        return o * torch.tanh(c), c
