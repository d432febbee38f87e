"""The peer: a character-level GPT of the size that nanoGPT proposes for a CPU, after the description of GPT-2.

Blocks of layer normalization, causal self-attention and a feed-forward network of four times the width, each with a
residual connection (Radford et al. 2019, "Language Models are Unsupervised Multitask Learners"); the embedding of the
tokens is also the head. The sizes and the training are those of nanoGPT's README for tiny Shakespeare on a CPU:
4 layers, 4 heads, 128 channels, windows of 64 characters, batches of 12, 2,000 steps of AdamW whose rate rises over
100 steps to 1e-3 and falls to 1e-4 along a cosine.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Sizes:
    """The sizes of the model and of its training; by default those of nanoGPT's README for a CPU."""

    vocabulary: int
    layers: int = 4
    heads: int = 4
    width: int = 128
    window: int = 64
    batch: int = 12
    steps: int = 2000
    warmup: int = 100
    lr: float = 1e-3
    lowest_lr: float = 1e-4


class Block(nn.Module):
    """Attention and a feed-forward network, each behind a layer normalization and beside a residual connection."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention, self.before_feed = (nn.LayerNorm(width, bias=False) for _ in range(2))
        self.queries_keys_values = nn.Linear(width, 3 * width, bias=False)
        self.together = nn.Linear(width, width, bias=False)
        self.wider = nn.Linear(width, 4 * width, bias=False)
        self.narrower = nn.Linear(4 * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(rows, window, width) to the same shape."""
        rows, window, width = x.shape
        parts = self.queries_keys_values(self.before_attention(x)).chunk(3, dim=-1)
        q, k, v = (part.view(rows, window, self.heads, -1).transpose(1, 2) for part in parts)
        seen = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.together(seen.transpose(1, 2).reshape(rows, window, width))
        fed: Tensor = x + self.narrower(nn.functional.gelu(self.wider(self.before_feed(x))))
        return fed


class SmallGpt(nn.Module):
    """A decoder of blocks, with learned position embeddings."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.tokens = nn.Embedding(sizes.vocabulary, sizes.width)
        self.places = nn.Embedding(sizes.window, sizes.width)
        self.blocks = nn.Sequential(*(Block(sizes.width, sizes.heads) for _ in range(sizes.layers)))
        self.before_head = nn.LayerNorm(sizes.width, bias=False)
        for name, parameter in self.named_parameters():
            if parameter.dim() > 1:
                # The more residual connections the model has, the smaller is what each adds at first.
                adds = name.endswith(("together.weight", "narrower.weight"))
                nn.init.normal_(parameter, 0.0, 0.02 / math.sqrt(2 * sizes.layers) if adds else 0.02)

    def loss(self, batch: Tensor) -> Tensor:
        """Mean cross entropy, in nats per token, of windows (rows, window + 1)."""
        read, following = batch[:, :-1], batch[:, 1:]
        x = self.tokens(read) + self.places(torch.arange(read.shape[1]))
        logits = self.before_head(self.blocks(x)) @ self.tokens.weight.T
        return nn.functional.cross_entropy(logits.flatten(0, 1), following.flatten())


def steps(model: SmallGpt, ids: Tensor, seed: int) -> Iterator[int]:
    """Train on windows drawn from ids, as nanoGPT does. Yields the number of each step after it is done."""
    sizes, random = model.sizes, torch.Generator().manual_seed(seed)
    matrices = [parameter for parameter in model.parameters() if parameter.dim() > 1]
    vectors = [parameter for parameter in model.parameters() if parameter.dim() < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=sizes.lr, betas=(0.9, 0.99))
    for step in range(sizes.steps):
        for group in optimizer.param_groups:
            group["lr"] = rate(sizes, step)
        starts = torch.randint(len(ids) - sizes.window, (sizes.batch,), generator=random)
        loss = model.loss(ids[starts[:, None] + torch.arange(sizes.window + 1)])
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        yield step + 1


def rate(sizes: Sizes, step: int) -> float:
    """The learning rate of a step: linear warm-up, then half a cosine."""
    if step < sizes.warmup:
        return sizes.lr * (step + 1) / (sizes.warmup + 1)
    share = (step - sizes.warmup) / max(1, sizes.steps - sizes.warmup)
    return sizes.lowest_lr + 0.5 * (1 + math.cos(math.pi * share)) * (sizes.lr - sizes.lowest_lr)
