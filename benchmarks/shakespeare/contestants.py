"""The contestants. Each trains on the first 90 % of the text, and reports its loss on the last 10 % at intervals."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from benchmarks.peers import min_gru, small_gpt, torch_lstm
from gatelab.client import recipes, specfile
from gatelab.sweeps import expand
from gatelab.text import Corpus
from gatelab.training import Evaluated, train

HELD_OUT = 0.1
"""The share of the text, at its end, on which nothing is trained."""


@dataclass(frozen=True)
class How:
    """How a contestant is measured.

    Attributes:
        threads: CPU threads.
        every: steps of a peer between two evaluations. Recipes themselves say when they are evaluated.
    """

    threads: int
    every: int


Look = tuple[float, float]
"""Seconds of training, and then the loss on the held-out text in nats per character."""

Contestant = Callable[[str, int, How], Iterator[Look]]
"""Given the text and a seed, trains to the end and yields scores."""


def recipe(name: str, text: str, seed: int, how: How) -> Iterator[Look]:
    """One of Gatelab's recipes. The time of its evaluations counts as training."""
    job = specfile.load(recipes.find(name), [f"training.seed={seed}", "training.sample=null"])
    [spec] = expand(job, 1)
    start = time.perf_counter()
    for event in train(spec, Corpus("tiny-shakespeare", text), threads=how.threads):
        if isinstance(event, Evaluated):
            yield time.perf_counter() - start, event.validation_loss


def gpt(text: str, seed: int, how: How) -> Iterator[Look]:
    """nanoGPT's setting for a CPU. The time of evaluations does not count."""
    torch.manual_seed(seed)
    training, held_out, vocabulary = text_ids(text)
    model = small_gpt.SmallGpt(small_gpt.Sizes(vocabulary))
    return _timed(small_gpt.steps(model, training, seed), _by_window(model, held_out), how)


def min_gru_model(text: str, seed: int, how: How) -> Iterator[Look]:
    """A model of minGRUs. The time of evaluations does not count."""
    torch.manual_seed(seed)
    training, held_out, vocabulary = text_ids(text)
    model = min_gru.MinGruModel(min_gru.Sizes(vocabulary))
    return _timed(min_gru.steps(model, training, seed), _by_window(model, held_out), how)


def _by_window(model: small_gpt.SmallGpt | min_gru.MinGruModel, held_out: Tensor) -> Callable[[], float]:
    """A function that computes the loss on the held-out text, reading each window by itself."""
    window = model.sizes.window
    windows = held_out[: (len(held_out) - 1) // window * window + 1].unfold(0, window + 1, window)

    def loss() -> float:
        model.eval()
        pieces = torch.split(windows, 256)
        found = float(sum(model.loss(piece).item() * len(piece) for piece in pieces) / len(windows))
        model.train()
        return found

    return loss


def lstm(text: str, seed: int, how: How) -> Iterator[Look]:
    """PyTorch's LSTM. The time of evaluations does not count; they read the held-out text as one stream."""
    torch.manual_seed(seed)
    training, held_out, vocabulary = text_ids(text)
    model = torch_lstm.TorchLstm(torch_lstm.Sizes(vocabulary))

    def loss() -> float:
        model.eval()
        found = model.loss(held_out[:, None], None)[0].item()
        model.train()
        return found

    return _timed(torch_lstm.steps(model, training), loss, how)


def text_ids(text: str) -> tuple[Tensor, Tensor, int]:
    """The ids of the training text and of the held-out text, and the size of the vocabulary."""
    letters, ids = np.unique(np.array(list(text)), return_inverse=True)
    end = int(len(ids) * (1 - HELD_OUT))
    tokens = torch.from_numpy(ids)
    return tokens[:end], tokens[end:], len(letters)


def _timed(steps: Iterator[int], loss: Callable[[], float], how: How) -> Iterator[Look]:
    torch.set_num_threads(how.threads)
    seconds, start = 0.0, time.perf_counter()
    for step in steps:
        if step % how.every == 0:
            seconds += time.perf_counter() - start
            with torch.no_grad():
                yield seconds, loss()
            start = time.perf_counter()


PEERS: Mapping[str, Contestant] = {
    "nanoGPT's CPU setting": gpt,
    "torch.nn.LSTM 512": lstm,
    "minGRU 3 x 384": min_gru_model,
}


def contestants() -> dict[str, Contestant]:
    """All contestants by name: the peers, and the recipes for tiny Shakespeare."""
    named = [one.name for one in recipes.recipes() if one.name.startswith("tiny-shakespeare")]
    return {**PEERS, **{f"recipe:{name}": partial(recipe, name) for name in named}}
