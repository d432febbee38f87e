"""The peer: a notebook that trains a GRU of PyTorch's, epoch by epoch, as textbooks' trainers do.

The concise GRU of Dive into Deep Learning (Zhang et al., d2l.ai, section 10.2) with the trainer of its section 3.2,
rewritten: batches from PyTorch's data loader, and a validation every epoch. Plotting is left out.
"""

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.peers.textbook import BATCH, TRAIN, VALIDATION
from benchmarks.peers.torch_layers import TorchLayers


class Notebook:
    """A model of `hidden` units that reads the first windows of `ids`, each `num_steps` long."""

    def __init__(self, ids: Tensor, vocabulary: int, num_steps: int, hidden: int, lr: float) -> None:
        rows = ids.unfold(0, num_steps + 1, 1)[: TRAIN + VALIDATION]
        self.train = DataLoader(TensorDataset(rows[:TRAIN]), BATCH, shuffle=True)
        self.validation = DataLoader(TensorDataset(rows[TRAIN:]), BATCH)
        self.model = TorchLayers(nn.GRU(vocabulary, hidden), lr)

    def epoch(self) -> float:
        """Train on all windows once, then validate. Returns the mean validation loss of the batches."""
        for (batch,) in self.train:
            self.model.step(batch)
        with torch.no_grad():
            losses = [self.model.loss(batch).item() for (batch,) in self.validation]
        return sum(losses) / len(losses)

    @torch.no_grad()
    def write(self, prefix: Tensor, tokens: int) -> list[int]:
        """The likeliest ids after `prefix`."""
        layer, head = self.model.layer, self.model.head
        written: list[int] = []
        x, state = prefix, None
        for _ in range(tokens):
            outputs, state = layer(nn.functional.one_hot(x, layer.input_size).float()[:, None], state)
            x = head(outputs[-1]).argmax(dim=-1)
            written.append(int(x))
        return written
