"""The peer: a character-level language model of minGRUs, after the description of Feng et al. (2024).

"Were RNNs All We Needed?", arXiv 2410.01201: a gate and a candidate that do not read the state, so that all steps of a
window are one cumulative sum in log space (its appendix B). Each of three blocks has a causal convolution over four
steps, a minGRU whose state is twice as wide, and a feed-forward network, each behind a normalization and beside a
residual connection. The paper's width is 384; this model is narrower, so that a CPU reads more of the text in the time.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Sizes:
    """The sizes of the model and of its training."""

    vocabulary: int
    layers: int = 3
    width: int = 192
    expansion: int = 2
    reach: int = 4
    window: int = 256
    batch: int = 32
    dropout: float = 0.2
    lr: float = 1e-3
    weight_decay: float = 0.1


class MinGru(nn.Module):
    """h' = (1 - z) h + z g(c), where z = sigmoid(W_z x), c = W_c x, and g is positive; from a state of 1/2 = g(0)."""

    def __init__(self, width: int, state: int) -> None:
        super().__init__()
        self.gate_candidate = nn.Linear(width, 2 * state, bias=False)
        self.back = nn.Linear(state, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(rows, window, width) to the same shape."""
        gate, candidate = self.gate_candidate(x).chunk(2, dim=-1)
        outputs: Tensor = self.back(scan(gate, candidate))
        return outputs


def scan(gate: Tensor, candidate: Tensor) -> Tensor:
    """All states of a window, from gates before their sigmoid and candidates before g: each (rows, window, state)."""
    keeps = -nn.functional.softplus(gate)
    adds = -nn.functional.softplus(-gate) + log_g(candidate)
    kept = keeps.cumsum(dim=1)
    first = log_g(torch.zeros_like(gate[:, :1]))
    sums = torch.cat([first, adds - kept], dim=1).logcumsumexp(dim=1)[:, 1:]
    return (kept + sums).exp()


def log_g(candidate: Tensor) -> Tensor:
    """The logarithm of g(c), where g(c) is c + 1/2 for c >= 0, and sigmoid(c) for c < 0."""
    above = (nn.functional.relu(candidate) + 0.5).log()
    return torch.where(candidate >= 0, above, nn.functional.logsigmoid(candidate))


class Block(nn.Module):
    """A convolution, a minGRU and a feed-forward network."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        width = sizes.width
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.convolution = nn.Conv1d(width, width, sizes.reach, groups=width, padding=sizes.reach - 1)
        self.gru = MinGru(width, sizes.expansion * width)
        self.feed = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.dropout = nn.Dropout(sizes.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(rows, window, width) to the same shape."""
        window = x.shape[1]
        x = x + self.convolution(self.norms[0](x).transpose(1, 2))[..., :window].transpose(1, 2)
        x = x + self.dropout(self.gru(self.norms[1](x)))
        fed: Tensor = x + self.dropout(self.feed(self.norms[2](x)))
        return fed


class MinGruModel(nn.Module):
    """Predicts the next character of each position of a window."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.tokens = nn.Embedding(sizes.vocabulary, sizes.width)
        self.blocks = nn.Sequential(*(Block(sizes) for _ in range(sizes.layers)))
        self.before_head = nn.LayerNorm(sizes.width)
        self.head = nn.Linear(sizes.width, sizes.vocabulary, bias=False)

    def loss(self, batch: Tensor) -> Tensor:
        """Mean cross entropy, in nats per token, of windows (rows, window + 1)."""
        read, following = batch[:, :-1], batch[:, 1:]
        logits = self.head(self.before_head(self.blocks(self.tokens(read))))
        return nn.functional.cross_entropy(logits.flatten(0, 1), following.flatten())


def steps(model: MinGruModel, ids: Tensor, seed: int) -> Iterator[int]:
    """Train on windows drawn from ids. Yields the number of each step after it is done."""
    sizes, random, done = model.sizes, torch.Generator().manual_seed(seed), 0
    optimizer = torch.optim.AdamW(model.parameters(), lr=sizes.lr, weight_decay=sizes.weight_decay)
    while True:
        starts = torch.randint(len(ids) - sizes.window, (sizes.batch,), generator=random)
        loss = model.loss(ids[starts[:, None] + torch.arange(sizes.window + 1)])
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        done += 1
        yield done
