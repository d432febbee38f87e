"""The peer: a recurrent language model from scratch, as textbooks write it.

One-hot inputs, a Python loop over the steps with a matrix product per gate, SGD and clipping by hand. The set-up is
that of the RNN and GRU chapters of Dive into Deep Learning (Zhang et al., d2l.ai, sections 9.5 and 10.2), rewritten.
"""

import math
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.peers.textbook_cells import Gru, Rnn, TextbookCell, normal, zeros

HIDDEN, STEPS, BATCH, TRAIN, VALIDATION = 32, 32, 1024, 10_000, 5_000


@dataclass(frozen=True)
class Result:
    """Perplexities after the last epoch, and the speed.

    `tokens_per_second` counts the training steps alone; `seconds` is the time of all epochs with their validations.
    """

    train_perplexity: float
    validation_perplexity: float
    seconds: float
    tokens_per_second: float


def windows(text: str) -> tuple[Tensor, Tensor, int]:
    """The first TRAIN windows, the next VALIDATION windows, each (count, STEPS + 1), and the size of the vocabulary."""
    ids, vocabulary = encode(text)
    cut = ids.unfold(0, STEPS + 1, 1)[: TRAIN + VALIDATION]
    return cut[:TRAIN], cut[TRAIN:], vocabulary


def encode(text: str) -> tuple[Tensor, int]:
    """The ids of the text's characters, and the size of the vocabulary."""
    letters = re.sub("[^A-Za-z]+", " ", text).lower()
    vocabulary = ["<unk>", *sorted(set(letters))]
    index = {token: i for i, token in enumerate(vocabulary)}
    return torch.tensor([index[token] for token in letters]), len(vocabulary)


class Textbook:
    """Layers of cells from the first to the last, and a linear head."""

    def __init__(self, cells: Sequence[TextbookCell], vocabulary: int) -> None:
        self.cells, self.vocabulary = cells, vocabulary
        self.head = {"hq": normal(cells[-1].hidden, vocabulary), "bq": zeros(vocabulary)}

    def parameters(self) -> list[Tensor]:
        return [w for weights in (*(cell.weights for cell in self.cells), self.head) for w in weights.values()]

    def loss(self, batch: Tensor) -> Tensor:
        """Mean cross entropy of a batch of windows (batch, steps + 1), from a zero state."""
        outputs = list(torch.nn.functional.one_hot(batch[:, :-1].T, self.vocabulary).float())
        for cell in self.cells:
            outputs = self._layer(cell, outputs)
        logits = [h @ self.head["hq"] + self.head["bq"] for h in outputs]
        flat = torch.stack(logits, 1).reshape(-1, self.vocabulary)
        return torch.nn.functional.cross_entropy(flat, batch[:, 1:].reshape(-1))

    @staticmethod
    def _layer(cell: TextbookCell, inputs: list[Tensor]) -> list[Tensor]:
        state, outputs = cell.initial_state(len(inputs[0])), []
        for x in inputs:
            state = cell.step(x, state)
            outputs.append(state[0])
        return outputs

    def step(self, batch: Tensor, lr: float) -> float:
        """One step of SGD with the gradient's norm clipped to 1. Returns the loss before the step."""
        loss, parameters = self.loss(batch), self.parameters()
        gradients = torch.autograd.grad(loss, parameters)
        norm = torch.sqrt(sum(((g**2).sum() for g in gradients), torch.zeros(())))
        scale = min(1.0, 1.0 / norm.item())
        with torch.no_grad():
            for weight, gradient in zip(parameters, gradients, strict=True):
                weight -= lr * scale * gradient
        return loss.item()


def run(kind: str, text: str, lr: float, epochs: int, seed: int) -> Result:
    """Train `gru` (reset before) or `rnn` (tanh) from scratch, with a validation every epoch.

    As in the textbook, the losses are means over batches (train) and over windows (validation).
    """
    torch.manual_seed(seed)
    train, validation, vocabulary = windows(text)
    model = Textbook([{"gru": Gru, "rnn": Rnn}[kind](vocabulary, HIDDEN)], vocabulary)
    begun, training, losses, held_out = time.perf_counter(), 0.0, [0.0], 0.0
    for _ in range(epochs):
        began_epoch = time.perf_counter()
        losses = [model.step(batch, lr) for batch in torch.split(train[torch.randperm(TRAIN)], BATCH)]
        training += time.perf_counter() - began_epoch
        with torch.no_grad():
            held_out = sum(model.loss(b).item() * len(b) for b in torch.split(validation, BATCH)) / VALIDATION
    return Result(
        sum(map(math.exp, losses)) / len(losses),
        math.exp(held_out),
        time.perf_counter() - begun,
        epochs * TRAIN * STEPS / training,
    )
