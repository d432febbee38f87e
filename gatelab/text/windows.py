"""From ids to training batches: which pieces of the text are read together, and in which order."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gatelab.errors import InvalidSpec
from gatelab.specs.job import RunSpec
from gatelab.text.corpus import Corpus
from gatelab.text.growing import grown
from gatelab.text.tokenizers import BEGIN, Ids, Tokenizer, train_tokenizer

IGNORED = -100
"""The target of a position that is not scored: padding behind the end of a window."""

EVALUATION_TOKENS = 65_536
"""How many tokens an evaluation reads at once: bounds its memory, whatever num_steps is."""

MOST_SIDE_BY_SIDE = 1024

STREAM_TOKENS = 4096
"""With `carry_state`, held-out text begins from a zero state once in this many tokens, for any batch_size, num_steps.
That costs a few ten-thousandths of a nat, and bounds how many steps go one after the other (docs/decisions/0023)."""


@dataclass(frozen=True)
class Batch:
    """Token ids of windows read side by side.

    Attributes:
        inputs: (steps, batch).
        targets: (steps, batch), the token after each input, or IGNORED.
    """

    inputs: Ids
    targets: Ids

    @cached_property
    def tokens(self) -> int:
        """How many targets are scored."""
        return int((self.targets != IGNORED).sum())


@dataclass(frozen=True)
class Windows:
    """Pieces of one text, window w being the inputs `starts[w] .. ends[w] - 1`; its targets lie one further.

    Attributes:
        ids: (tokens,), with `<bos>` in front.
        starts, ends: (windows,).
        num_steps: length of the longest window.
        per_batch: how many windows are read side by side.
        carried: windows w and w + per_batch adjoin: the hidden state goes from one to the next.
    """

    ids: Ids
    starts: Ids
    ends: Ids
    num_steps: int
    per_batch: int
    carried: bool

    @property
    def batches(self) -> int:
        return -(-len(self.starts) // self.per_batch)

    @property
    def tokens(self) -> int:
        """How many targets are scored, those of windows that overlap more than once."""
        return int((self.ends - self.starts).sum())

    @cached_property
    def scored(self) -> Ids:
        """All targets, window by window."""
        return np.concatenate([self.ids[a + 1 : b + 1] for a, b in zip(self.starts, self.ends, strict=True)])

    @property
    def different_tokens(self) -> int:
        """How many tokens of the text are scored, those of windows that overlap once."""
        order = np.argsort(self.starts, kind="stable")
        starts, ends = self.starts[order], np.maximum.accumulate(self.ends[order])
        return int((ends - np.maximum(starts, np.append(starts[:1], ends[:-1]))).clip(0).sum())

    def pick(self, which: Ids) -> Batch:
        """The windows numbered `which`, in this order, side by side."""
        starts, ends = self.starts[which], self.ends[which]
        at = starts + np.arange(int((ends - starts).max()))[:, None]
        inside = at < ends
        inputs = self.ids[np.where(inside, at, ends - 1)]
        targets = np.where(inside, self.ids[np.where(inside, at + 1, ends)], IGNORED)
        return Batch(inputs, targets)

    def numbers(self, index: int, order: Ids | None = None) -> Ids:
        """Which windows are in batch `index` of those in `order` (default: as they stand)."""
        order = np.arange(len(self.starts)) if order is None else order
        return order[index * self.per_batch : (index + 1) * self.per_batch]

    def in_order(self) -> Iterator[Ids]:
        """Which windows are in each batch, as they stand."""
        return (self.numbers(index) for index in range(self.batches))

    def batch(self, index: int, order: Ids | None = None) -> Batch:
        """Batch `index` of the windows in `order` (default: as they stand)."""
        return self.pick(self.numbers(index, order))

    def __iter__(self) -> Iterator[Batch]:
        return (self.batch(index) for index in range(self.batches))


@dataclass(frozen=True)
class Data:
    """A corpus as one run sees it. `test` is None where the spec numbers the windows and names none for it."""

    tokenizer: Tokenizer
    train: Windows
    validation: Windows
    test: Windows | None


def prepare(spec: RunSpec, corpus: Corpus, start: Tokenizer | None = None) -> Data:
    """Tokenize `corpus` and cut it into windows as `spec` says.

    Args:
        start: the tokenizer of the run that this one starts from, which continues on this corpus.

    Raises:
        InvalidSpec: the corpus is too short for these windows; the message says how long it is.
    """
    tokenizer = train_tokenizer(spec.tokenizer, corpus.text) if start is None else grown(start, corpus.text)
    ids = tokenizer.encode(corpus.text).ids
    check_length(spec, len(ids))
    if (counts := spec.training.windows.counts) is not None:
        return Data(tokenizer, *_numbered(spec, ids, *counts))
    # Each part begins from a zero state: no window reads over a border, and every text starts with <bos>.
    train, validation, test = (_with_begin(part) for part in np.split(ids, borders(len(ids))))
    return Data(tokenizer, _training(spec, train), _whole(spec, validation), _whole(spec, test))


def check_length(spec: RunSpec, tokens: int) -> None:
    """
    Raises:
        InvalidSpec: a corpus of this length is too short for the windows of `spec`.
    """
    training = spec.training
    if (counts := training.windows.counts) is not None:
        asked = sum(counts)
        there = max(0, -(-(tokens + 1 - training.num_steps) // (training.windows.stride or training.num_steps)))
        if asked > there:
            parts = "train + validation + test" if training.windows.test else "train + validation"
            message = f"{parts} = {asked} windows, but the corpus has {there} ({tokens} tokens)"
            raise InvalidSpec.at("training.windows", message)
        return
    first, second = borders(tokens)
    if first < training.num_steps or not first < second < tokens:
        raise InvalidSpec.at(
            "training.num_steps",
            f"the corpus is too short: of its {tokens} tokens 80 % are for training, which is less than one window"
            f" of {training.num_steps}, or nothing is left for validation and test",
        )


def borders(tokens: int) -> tuple[int, int]:
    """Where validation and test begin."""
    return tokens * 8 // 10, tokens * 9 // 10


def batch_order(windows: Windows, shuffle: np.random.Generator) -> Ids | None:
    """The order of an epoch's windows: shuffled, or as they stand where the state is carried."""
    return None if windows.carried else shuffle.permutation(len(windows.starts))


def _training(spec: RunSpec, ids: Ids) -> Windows:
    training = spec.training
    if training.carry_state:
        return _streams(ids, training.num_steps, training.batch_size)
    stride = training.windows.stride or training.num_steps
    starts = np.arange(0, len(ids) - training.num_steps, stride)
    return _spans(ids, starts, training.num_steps, training.batch_size)


def _whole(spec: RunSpec, ids: Ids) -> Windows:
    """Windows that score every token of a held-out text exactly once. How they are read hangs on no batch_size."""
    num_steps = spec.training.num_steps
    if spec.training.carry_state:
        streams, steps = held_out_streams(len(ids) - 1, num_steps)
        return _streams(ids, steps, streams)
    return _spans(ids, np.arange(0, len(ids) - 1, num_steps), num_steps, side_by_side(num_steps))


def _numbered(
    spec: RunSpec, ids: Ids, train: int, validation: int, test: int
) -> tuple[Windows, Windows, Windows | None]:
    num_steps, batch_size = spec.training.num_steps, spec.training.batch_size
    ids = _with_begin(ids)
    starts = np.arange(0, len(ids) - num_steps, spec.training.windows.stride or num_steps)

    def held_out(first: int, count: int) -> Windows:
        return _spans(ids, starts[first : first + count], num_steps, side_by_side(num_steps))

    return (
        _spans(ids, starts[:train], num_steps, batch_size),
        held_out(train, validation),
        held_out(train + validation, test) if test else None,
    )


def side_by_side(num_steps: int) -> int:
    """How many windows an evaluation reads at once."""
    return max(1, min(MOST_SIDE_BY_SIDE, EVALUATION_TOKENS // num_steps))


def held_out_streams(tokens: int, num_steps: int) -> tuple[int, int]:
    """As how many streams a held-out text of `tokens` tokens is read if the state is carried, and in what windows.

    The windows only bound the memory: what they predict does not depend on their length.
    """
    streams = max(1, min(MOST_SIDE_BY_SIDE, tokens // STREAM_TOKENS))
    return streams, min(num_steps, STREAM_TOKENS, EVALUATION_TOKENS // streams)


def _spans(ids: Ids, starts: NDArray[np.int_], num_steps: int, per_batch: int) -> Windows:
    starts = starts.astype(np.int64)
    ends = np.minimum(starts + num_steps, len(ids) - 1)
    return Windows(ids, starts, ends, num_steps, per_batch, carried=False)


def _streams(ids: Ids, num_steps: int, streams: int) -> Windows:
    """The text as `streams` long pieces read side by side, each cut into windows that adjoin."""
    scored = len(ids) - 1
    # Enough tokens a stream that every stream's last window holds at least one.
    streams = max(1, min(streams, scored // num_steps))
    borders = np.linspace(0, scored, streams + 1).astype(np.int64)
    rows = -(-int(np.diff(borders).max()) // num_steps)
    offsets = np.arange(rows)[:, None] * num_steps
    starts = np.minimum(borders[:-1] + offsets, borders[1:])
    ends = np.minimum(starts + num_steps, borders[1:])
    return Windows(ids, starts.ravel(), ends.ravel(), num_steps, streams, carried=True)


def _with_begin(ids: Ids) -> Ids:
    return np.concatenate([[BEGIN], ids]).astype(np.int64)
