"""The peer: a character-level LSTM as PyTorch's tutorials write it, with sizes that work well.

It has an embedding, `torch.nn.LSTM` with dropout after it, a linear head, Adam and clipped gradients. The state is
carried from one window of the text to the next.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Sizes:
    """The sizes of the model and of its training."""

    vocabulary: int
    hidden: int = 512
    embedding: int = 64
    window: int = 128
    streams: int = 64
    dropout: float = 0.5
    lr: float = 2e-3


class TorchLstm(nn.Module):
    """Predicts the next character of each stream."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.embedding = nn.Embedding(sizes.vocabulary, sizes.embedding)
        self.lstm = nn.LSTM(sizes.embedding, sizes.hidden)
        self.dropout = nn.Dropout(sizes.dropout)
        self.head = nn.Linear(sizes.hidden, sizes.vocabulary)

    def loss(self, ids: Tensor, state: tuple[Tensor, Tensor] | None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Mean cross entropy, in nats per token, of windows (window + 1, streams), and the state after them."""
        outputs, (h, c) = self.lstm(self.embedding(ids[:-1]), state)
        logits = self.head(self.dropout(outputs))
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), ids[1:].flatten())
        return loss, (h.detach(), c.detach())


def steps(model: TorchLstm, ids: Tensor) -> Iterator[int]:
    """Train on ids, epoch after epoch. Yields the number of each step after it is done."""
    sizes, done = model.sizes, 0
    optimizer = torch.optim.Adam(model.parameters(), lr=sizes.lr)
    length = (len(ids) - 1) // sizes.streams
    text = ids[: length * sizes.streams].view(sizes.streams, length).T.contiguous()
    while True:
        state = None
        for start in range(0, length - sizes.window - 1, sizes.window):
            loss, state = model.loss(text[start : start + sizes.window + 1], state)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            done += 1
            yield done
