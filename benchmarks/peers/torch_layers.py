"""The peer: a recurrent language model from PyTorch's own layers, as the concise versions of textbooks write it.

One-hot inputs, `torch.nn.RNN`, `GRU` (reset after) or `LSTM`, a linear head, cross entropy, `clip_grad_norm_` and SGD.
"""

import torch
from torch import Tensor, nn

CLIP = 1.0


class TorchLayers(nn.Module):
    """One or more of PyTorch's recurrent layers, and a linear head."""

    def __init__(self, layer: nn.RNNBase, lr: float) -> None:
        super().__init__()
        self.layer = layer
        self.head = nn.Linear(layer.hidden_size, layer.input_size)
        self.optimizer = torch.optim.SGD(self.parameters(), lr)

    def loss(self, batch: Tensor) -> Tensor:
        """Mean cross entropy of a batch of windows (batch, steps + 1), from a zero state."""
        vocabulary = self.layer.input_size
        outputs, _ = self.layer(nn.functional.one_hot(batch[:, :-1].T, vocabulary).float())
        return nn.functional.cross_entropy(self.head(outputs).flatten(0, 1), batch[:, 1:].T.flatten())

    def step(self, batch: Tensor) -> float:
        """One step of SGD with the gradient's norm clipped. Returns the loss before the step."""
        loss = self.loss(batch)
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.parameters(), CLIP)
        self.optimizer.step()
        return loss.item()
