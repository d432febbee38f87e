"""How well a network remembers: the share of symbols that it recalls after the lag."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gatelab.errors import InvalidRequest
from gatelab.network import Network, log_probabilities
from gatelab.specs.synthetic import SyntheticSpec
from gatelab.text.memory_tasks import (
    END,
    alphabet,
    drawn_anew,
    line_length,
)
from gatelab.text.tokenizers import UNKNOWN, Ids, Tokenizer, WordsTokenizer
from gatelab.text.tokenizers.pieces import PieceTokenizer
from gatelab.text.windows import EVALUATION_TOKENS

MOST_VALUES = 2**21
"""The most units times tokens that are read at once, which bounds the memory of a wide network's gates and states."""


@dataclass(frozen=True)
class Recall:
    """
    Attributes:
        accuracy: the share of symbols after the question mark that are the model's likeliest token.
        loss: the loss on these symbols, in nats per symbol.
        chance: the accuracy of guessing.
        symbols: the number of symbols tested.
    """

    accuracy: float
    loss: float
    chance: float
    symbols: int


def recall(
    network: Network,
    tokenizer: Tokenizer,
    task: SyntheticSpec,
    examples: int,
    between: Callable[[], object] = lambda: None,
) -> Recall:
    """Test a network on new random lines.

    Each is read as in training: from a zero state, with the end of a line before it. If several symbols are asked for,
    each is scored after the correct earlier ones.

    Args:
        between: called before each line is tokenized, and before each step of several lines. If it raises an
            exception, the work ends.

    Raises:
        InvalidRequest: the vocabulary lacks a character of the task, or its tokens are longer than characters.
    """
    if isinstance(tokenizer, PieceTokenizer | WordsTokenizer):
        raise InvalidRequest.at(
            "task", f"is of single characters; the run's tokenizer, {tokenizer.kind}, joins them: train one with char"
        )
    if UNKNOWN in tokenizer.encode(alphabet(task)).ids:
        raise InvalidRequest.at(
            "task", "the run's vocabulary lacks some of the task's characters: it was trained on another corpus"
        )
    right, loss = 0, 0.0
    for lines in _pieces(drawn_anew(task, examples), line_length(task), max(layer.hidden for layer in network.layers)):
        ids = np.stack([tokenizer.encode(END + line).ids for line in _with_pauses(lines, between)])
        hits, nats = _judge(network, ids, task.shown, between)
        right, loss = right + hits, loss + nats
    asked = examples * task.shown
    return Recall(right / asked, loss / asked, 1 / task.symbols, asked)


def _pieces(lines: Sequence[str], length: int, units: int) -> Iterator[Sequence[str]]:
    rows = max(1, min(EVALUATION_TOKENS, MOST_VALUES // units) // length)
    return (lines[at : at + rows] for at in range(0, len(lines), rows))


def _with_pauses(lines: Sequence[str], between: Callable[[], object]) -> Iterator[str]:
    for line in lines:
        between()
        yield line


def _judge(network: Network, ids: Ids, shown: int, between: Callable[[], object]) -> tuple[int, float]:
    """How many of the last `shown` tokens of lines (lines, length) are the likeliest ones, and their total loss."""
    outputs, _ = network.read(ids[:, :-1].T, network.initial_state(len(ids)), between)
    found, wanted = network.logits(outputs[-shown:]).reshape(-1, network.vocabulary), ids[:, -shown:].T.reshape(-1)
    with np.errstate(all="ignore"):
        loss = -np.take_along_axis(log_probabilities(found), wanted[:, None], axis=1).sum()
    return int((found.argmax(-1) == wanted).sum()), float(loss)
