"""The peer: a recurrent language model from scratch, as textbooks write it.

One-hot inputs, a Python loop over the steps with a matrix product a gate, SGD and clipping by hand. The set-up is that
of the RNN and GRU chapters of Dive into Deep Learning (Zhang et al., d2l.ai, sections 9.5 and 10.2), written anew.
"""

import math
import re
import time
from dataclasses import dataclass

import torch
from torch import Tensor

HIDDEN, STEPS, BATCH, TRAIN, VALIDATION = 32, 32, 1024, 10_000, 5_000


@dataclass(frozen=True)
class Result:
    """Perplexities after the last epoch; `seconds` and `tokens_per_second` of its training steps alone."""

    train_perplexity: float
    validation_perplexity: float
    seconds: float
    tokens_per_second: float


def windows(text: str) -> tuple[Tensor, Tensor, int]:
    """All windows (count, STEPS + 1) of the first TRAIN + VALIDATION, split, and the size of the vocabulary."""
    letters = re.sub("[^A-Za-z]+", " ", text).lower()
    vocabulary = ["<unk>", *sorted(set(letters))]
    index = {token: i for i, token in enumerate(vocabulary)}
    ids = torch.tensor([index[token] for token in letters])
    cut = ids.unfold(0, STEPS + 1, 1)[: TRAIN + VALIDATION]
    return cut[:TRAIN], cut[TRAIN:], len(vocabulary)


class Textbook:
    """`gru` (reset before the recurrent product) or `rnn` (tanh)."""

    def __init__(self, kind: str, vocabulary: int) -> None:
        self.kind, self.vocabulary = kind, vocabulary
        self.gates = ["z", "r", "h"] if kind == "gru" else ["h"]
        self.weights = {
            name: parameter
            for gate in self.gates
            for name, parameter in (
                (f"x{gate}", self._normal(vocabulary, HIDDEN)),
                (f"h{gate}", self._normal(HIDDEN, HIDDEN)),
                (f"b{gate}", torch.zeros(HIDDEN, requires_grad=True)),
            )
        } | {"hq": self._normal(HIDDEN, vocabulary), "bq": torch.zeros(vocabulary, requires_grad=True)}

    @staticmethod
    def _normal(rows: int, columns: int) -> Tensor:
        return (torch.randn(rows, columns) * 0.01).requires_grad_()

    def _linear(self, gate: str, x: Tensor, h: Tensor) -> Tensor:
        w = self.weights
        return x @ w[f"x{gate}"] + h @ w[f"h{gate}"] + w[f"b{gate}"]

    def loss(self, batch: Tensor) -> Tensor:
        """Mean cross entropy of a batch of windows, from a zero state."""
        inputs = torch.nn.functional.one_hot(batch[:, :-1].T, self.vocabulary).float()
        h = torch.zeros(len(batch), HIDDEN)
        logits = []
        for x in inputs:
            if self.kind == "gru":
                z, r = torch.sigmoid(self._linear("z", x, h)), torch.sigmoid(self._linear("r", x, h))
                candidate = torch.tanh(self._linear("h", x, r * h))
                h = z * h + (1 - z) * candidate
            else:
                h = torch.tanh(self._linear("h", x, h))
            logits.append(h @ self.weights["hq"] + self.weights["bq"])
        flat = torch.stack(logits, 1).reshape(-1, self.vocabulary)
        return torch.nn.functional.cross_entropy(flat, batch[:, 1:].reshape(-1))

    def step(self, batch: Tensor, lr: float) -> float:
        loss = self.loss(batch)
        gradients = torch.autograd.grad(loss, list(self.weights.values()))
        norm = torch.sqrt(sum(((g**2).sum() for g in gradients), torch.zeros(())))
        scale = min(1.0, 1.0 / norm.item())
        with torch.no_grad():
            for weight, gradient in zip(self.weights.values(), gradients, strict=True):
                weight -= lr * scale * gradient
        return loss.item()


def run(kind: str, text: str, lr: float, epochs: int, seed: int) -> Result:
    """Train from scratch; the textbook's measure: mean over batches (train) and windows (validation)."""
    torch.manual_seed(seed)
    train, validation, vocabulary = windows(text)
    model = Textbook(kind, vocabulary)
    begun, losses = time.perf_counter(), [0.0]
    for _ in range(epochs):
        losses = [model.step(batch, lr) for batch in torch.split(train[torch.randperm(TRAIN)], BATCH)]
    seconds = time.perf_counter() - begun
    with torch.no_grad():
        held_out = sum(model.loss(batch).item() * len(batch) for batch in torch.split(validation, BATCH)) / VALIDATION
    return Result(
        sum(map(math.exp, losses)) / len(losses),
        math.exp(held_out),
        seconds,
        epochs * TRAIN * STEPS / seconds,
    )
