"""Characters per second of generation: Gatelab's decoders next to a loop over torch.nn.GRUCell with the same weights.

python -m benchmarks.generation [--threads 2] [--rounds 5] [--shapes 32/1 32/256 ...]

A shape is hidden/streams. All sample at temperature 1 from a vocabulary of 28. Before they are timed, their predictions
are compared.
"""

import argparse
import copy
import statistics
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks import tables
from benchmarks.idle_machine import warn_if_busy
from benchmarks.interleaving import (
    Gauge,
    in_turn,
    median_ratio,
    seconds_per_call,
)
from gatelab.generation import stream_of
from gatelab.generation.decoders import Decoder, NativeDecoder, ReferenceDecoder
from gatelab.model import LanguageModel, network_of
from gatelab.specs import GruSpec, ModelSpec, Sampling

VOCABULARY = 28
"""Tokens in the vocabulary of the compared models."""
SHAPES = "32/1", "32/64", "32/256", "256/1", "256/64", "256/256", "1024/1"
STEPS = 256
"""Tokens per call of a decoder."""
TOLERANCE = 1e-3


class Loop:
    """What one would write by hand: a cell, a head, softmax and multinomial, step by step for all streams.

    Attributes:
        tokens: (streams,) the last token of each stream.
    """

    def __init__(self, model: LanguageModel, streams: int) -> None:
        hidden = model.spec.cell.hidden
        weights = dict(model.named_parameters())
        self._vocabulary = model.vocabulary
        self._cell, self._head = nn.GRUCell(model.vocabulary, hidden), nn.Linear(hidden, model.vocabulary)
        # torch.nn orders the gates as reset, update, candidate, and transposes the weights.
        matrices = {of: torch.cat([weights[f"cells.0.{of}_{gate}"].data for gate in "rzc"], dim=-1) for of in "WUb"}
        self._cell.weight_ih.data = matrices["W"].T.contiguous()
        self._cell.weight_hh.data = matrices["U"].T.contiguous()
        self._cell.bias_ih.data = matrices["b"]
        self._cell.bias_hh.data = torch.cat([torch.zeros(2 * hidden), weights["cells.0.b_u"].data])
        self._head.weight.data = weights["weight_head"].data.T.contiguous()
        self._head.bias.data = weights["bias_head"].data.clone()
        self._state, self.tokens = torch.zeros(streams, hidden), torch.ones(streams, dtype=torch.int64)

    @classmethod
    def joined(cls, loops: "Sequence[Loop]") -> "Loop":
        """The streams of several loops over the same model in one loop."""
        made = copy.copy(loops[0])
        made._state = torch.cat([loop._state for loop in loops])
        made.tokens = torch.cat([loop.tokens for loop in loops])
        return made

    @torch.inference_mode()
    def predict(self) -> Tensor:
        one_hot = nn.functional.one_hot(self.tokens, self._vocabulary).float()
        self._state = self._cell(one_hot, self._state)
        logits: Tensor = self._head(self._state)
        return logits

    def read(self, token: int) -> None:
        """Feed a given token instead of sampling one."""
        self.tokens.fill_(token)

    @torch.inference_mode()
    def step(self) -> None:
        self.tokens = torch.multinomial(torch.softmax(self.predict(), dim=1), 1)[:, 0]


def main() -> None:
    arguments = _arguments()
    warn_if_busy()
    torch.set_num_threads(arguments.threads)
    names = ("native", "numpy", "torch.nn.GRUCell loop")
    tables.show(["hidden/streams", "native : loop", *names], _rows(arguments.shapes, arguments))


def _rows(shapes: Iterable[str], arguments: argparse.Namespace) -> Iterator[list[object]]:
    for shape in shapes:
        hidden, streams = map(int, shape.split("/"))
        model = LanguageModel(ModelSpec(cell=GruSpec(kind="gru", reset="after", hidden=hidden)), VOCABULARY)
        model.initialize(0)
        loop = Loop(model, streams)
        network = network_of(model)
        decoders = [NativeDecoder(network, arguments.threads), ReferenceDecoder(network)]
        check(decoders[0], Loop(model, 1))
        gauges = {"native": _decoder(decoders[0], streams, arguments.seconds)}
        gauges |= {"numpy": _decoder(decoders[1], streams, arguments.seconds), "loop": _loop(loop, streams, arguments)}
        found = in_turn(gauges, arguments.rounds)
        ratio = tables.times(median_ratio(found["native"], found["loop"]))
        yield [shape, ratio, *(_speed(statistics.median(found[name])) for name in gauges)]


def check(decoder: Decoder, loop: Loop) -> None:
    """Check that the decoder and the loop predict the same tokens after `<bos>`.

    Raises:
        ValueError: their predictions differ.
    """
    mine, _ = decoder.predict(np.array([1]), decoder.initial_state())
    theirs = loop.predict().numpy()
    if not np.allclose(mine, theirs, atol=TOLERANCE):
        raise ValueError(f"the predictions of the decoder and of the loop differ: {mine} and {theirs}")


def _decoder(decoder: Decoder, streams: int, seconds: float) -> Gauge:
    none = np.empty(0, np.int64)
    open_streams = [stream_of(decoder, none, Sampling(seed=number)) for number in range(streams)]
    steps = STEPS if isinstance(decoder, NativeDecoder) else 8
    return lambda: streams * steps / seconds_per_call(lambda: decoder.decode(open_streams, steps), seconds)


def _loop(loop: Loop, streams: int, arguments: argparse.Namespace) -> Gauge:
    return lambda: streams / seconds_per_call(loop.step, arguments.seconds)


def _speed(characters_per_second: float) -> str:
    return f"{characters_per_second:,.0f}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.25, help="how long each contestant is measured in a round")
    parser.add_argument("--shapes", nargs="+", default=SHAPES, metavar="hidden/streams")
    return parser.parse_args()


if __name__ == "__main__":
    main()
