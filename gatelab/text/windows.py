"""From ids to training batches: the pieces of the text that are read together, and their order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gatelab.errors import InvalidSpec
from gatelab.specs.job import RunSpec
from gatelab.text.cleaning import cleaned
from gatelab.text.corpus import Corpus
from gatelab.text.parts import LEARNED, Lengths, Texts, check_lengths, check_numbered, cuts, lengths
from gatelab.text.token_counts import Extent
from gatelab.text.tokenizers import BEGIN, Ids, Tokenizer, train_tokenizer

IGNORED = -100
"""The target of a position that is not scored: padding after the end of a window."""

EVALUATION_TOKENS = 65_536
EVALUATION_LOGITS = 2**25
"""The most tokens that an evaluation reads at once, and the most logits that it computes at once, which bounds its
memory for any num_steps and vocabulary."""

MOST_SIDE_BY_SIDE = 1024

STREAM_TOKENS = 4096
"""With `carry_state`, held-out text starts from a zero state once in this number of tokens, for any batch_size and
num_steps. That costs a few ten-thousandths of a nat, and bounds the sequential steps (docs/decisions/0023)."""


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
        """The number of scored targets."""
        return int((self.targets != IGNORED).sum())


@dataclass(frozen=True)
class Windows:
    """Pieces of one text. Window w has the inputs `starts[w] .. ends[w] - 1`; its targets are one further.

    Attributes:
        ids: (tokens,), with `<bos>` in front.
        starts, ends: (windows,).
        num_steps: length of the longest window.
        per_batch: the number of windows that are read side by side.
        carried: whether windows w and w + per_batch are adjacent, so that the hidden state passes from one to the next.
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
        """The number of scored targets; those of overlapping windows count several times."""
        return int((self.ends - self.starts).sum())

    @cached_property
    def scored(self) -> Ids:
        """All targets, window by window."""
        return np.concatenate([self.ids[a + 1 : b + 1] for a, b in zip(self.starts, self.ends, strict=True)])

    @property
    def different_tokens(self) -> int:
        """The number of scored tokens of the text; tokens of overlapping windows count once."""
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
        """The windows in batch `index` of those in `order` (by default the order of the text)."""
        order = np.arange(len(self.starts)) if order is None else order
        return order[index * self.per_batch : (index + 1) * self.per_batch]

    def in_order(self) -> Iterator[Ids]:
        """The windows in each batch, in the order of the text."""
        return (self.numbers(index) for index in range(self.batches))

    def batch(self, index: int, order: Ids | None = None) -> Batch:
        """Batch `index` of the windows in `order` (by default the order of the text)."""
        return self.pick(self.numbers(index, order))

    def __iter__(self) -> Iterator[Batch]:
        return (self.batch(index) for index in range(self.batches))


@dataclass(frozen=True)
class Data:
    """The texts as one run sees them. `test` is None if the spec has no such part."""

    tokenizer: Tokenizer
    train: Windows
    validation: Windows
    test: Windows | None


def prepare(spec: RunSpec, given: Corpus | Texts, tokenizer: Tokenizer | None = None) -> Data:
    """Tokenize the texts and cut them into windows as `spec` says.

    Args:
        given: the texts of the run, or its only one.
        tokenizer: that of an earlier checkpoint of the run, which need not be learned again.

    Args:
        start: the tokenizer of the run that this one starts from, which continues on this corpus.

    Raises:
        InvalidSpec: a text is too short for these windows; the message says how long it is.
    """
    texts = given if isinstance(given, Texts) else Texts(given)
    check_numbered(spec)
    if spec.training.windows.counts is not None:
        tokenizer = tokenizer or train_tokenizer(spec.tokenizer, texts.train.text)
        ids = tokenizer.encode(texts.train.text).ids
        check_length(spec, Extent(len(ids), tokenizer.vocabulary))
        return Data(tokenizer, *_numbered(spec, ids, tokenizer.vocabulary))
    tokenizer, parts = _tokenized(spec, texts, tokenizer)
    # Each part begins from a zero state: no window crosses a border, and every text starts with <bos>.
    train, validation, *rest = (_with_begin(part) for part in parts)
    test = _whole(spec, rest[0], tokenizer.vocabulary) if rest else None
    return Data(tokenizer, _training(spec, train), _whole(spec, validation, tokenizer.vocabulary), test)


def _tokenized(spec: RunSpec, texts: Texts, tokenizer: Tokenizer | None) -> tuple[Tokenizer, list[Ids]]:
    """The tokens of the parts, checked. There is no third one without a test part.

    Raises:
        InvalidSpec: they are too short.
    """
    tokenizer, parts, total = _cut(spec, texts.train.text, texts.held_out, tokenizer)
    own = [None if corpus is None else tokenizer.encode(corpus.text).ids for corpus in (texts.validation, texts.test)]
    train, validation, test = map(len, parts)
    of_own = [None if ids is None else len(ids) for ids in own]
    found = lengths(spec, (train, validation, test), (of_own[0], of_own[1]))
    check_lengths(spec, found, total)
    gap = spec.training.windows.gap
    held_out = [part[gap:] if ids is None else ids for part, ids in zip(parts[1:], own, strict=True)]
    return tokenizer, [parts[0], *held_out[: 1 if found.test is None else 2]]


def _cut(
    spec: RunSpec, text: str, held_out: Sequence[Corpus], tokenizer: Tokenizer | None
) -> tuple[Tokenizer, list[Ids], int]:
    """The tokens of the three parts of the training text, including those of a gap; and their numbers, as `Extent`."""
    if not isinstance(spec.tokenizer, LEARNED):
        tokenizer = tokenizer or train_tokenizer(spec.tokenizer, text, *(corpus.text for corpus in held_out))
        ids = tokenizer.encode(text).ids
        return tokenizer, [ids[cut] for cut in cuts(spec, len(ids))], len(ids)
    clean = cleaned(text, spec.tokenizer.clean)
    pieces = [clean[cut] for cut in cuts(spec, len(clean))]
    if not pieces[0]:
        check_lengths(spec, Lengths(0, 0, 0), len(clean))
    tokenizer = tokenizer or train_tokenizer(spec.tokenizer, pieces[0])
    parts = [tokenizer.encode(piece).ids for piece in pieces]
    return tokenizer, parts, sum(map(len, parts))


def check_length(spec: RunSpec, extent: Extent) -> None:
    """
    Raises:
        InvalidSpec: texts of this length are too short for the windows of `spec`.
    """
    training = spec.training
    if (counts := training.windows.counts) is None:
        check_lengths(spec, extent.lengths(spec), extent.tokens)
        return
    asked, tokens = sum(counts), extent.tokens
    there = max(0, -(-(tokens + 1 - training.num_steps) // (training.windows.stride or training.num_steps)))
    if asked > there:
        parts = "train + validation + test" if training.windows.test else "train + validation"
        message = f"{parts} = {asked} windows, but the corpus has {there} ({tokens} tokens)"
        raise InvalidSpec.at("training.windows", message)


def batch_order(windows: Windows, shuffle: np.random.Generator) -> Ids | None:
    """The order of an epoch's windows: shuffled, or that of the text if the state is carried."""
    return None if windows.carried else shuffle.permutation(len(windows.starts))


def _training(spec: RunSpec, ids: Ids) -> Windows:
    training = spec.training
    if training.carry_state:
        return _streams(ids, training.num_steps, training.batch_size)
    stride = training.windows.stride or training.num_steps
    starts = np.arange(0, len(ids) - training.num_steps, stride)
    return _spans(ids, starts, training.num_steps, training.batch_size)


def _whole(spec: RunSpec, ids: Ids, vocabulary: int) -> Windows:
    """Windows that score every token of a held-out text exactly once, independent of batch_size."""
    num_steps = spec.training.num_steps
    if spec.training.carry_state:
        streams, steps = held_out_streams(len(ids) - 1, num_steps, vocabulary)
        return _streams(ids, steps, streams)
    return _spans(ids, np.arange(0, len(ids) - 1, num_steps), num_steps, side_by_side(num_steps, vocabulary))


def _numbered(spec: RunSpec, ids: Ids, vocabulary: int) -> tuple[Windows, Windows, Windows | None]:
    training, num_steps = spec.training, spec.training.num_steps
    assert training.windows.counts is not None, "asked for"
    train, validation, test = training.windows.counts
    ids = _with_begin(ids)
    starts = np.arange(0, len(ids) - num_steps, training.windows.stride or num_steps)

    def held_out(first: int, count: int) -> Windows:
        if training.carry_state:
            return _whole(spec, ids[first * num_steps : (first + count) * num_steps + 1], vocabulary)
        return _spans(ids, starts[first : first + count], num_steps, side_by_side(num_steps, vocabulary))

    return (
        _streams(ids[: train * num_steps + 1], num_steps, training.batch_size)
        if training.carry_state
        else _spans(ids, starts[:train], num_steps, training.batch_size),
        held_out(train, validation),
        held_out(train + validation, test) if test else None,
    )


def side_by_side(num_steps: int, vocabulary: int) -> int:
    """The number of windows that an evaluation reads at once."""
    return max(1, min(MOST_SIDE_BY_SIDE, _at_once(vocabulary) // num_steps))


def held_out_streams(tokens: int, num_steps: int, vocabulary: int) -> tuple[int, int]:
    """The number of streams of a held-out text of `tokens` tokens if the state is carried, and their windows.

    The windows only bound the memory: the predictions do not depend on their length.
    """
    streams = max(1, min(MOST_SIDE_BY_SIDE, tokens // STREAM_TOKENS))
    return streams, max(1, min(num_steps, STREAM_TOKENS, _at_once(vocabulary) // streams))


def _at_once(vocabulary: int) -> int:
    """The number of tokens that an evaluation reads at once."""
    return min(EVALUATION_TOKENS, EVALUATION_LOGITS // vocabulary)


def _spans(ids: Ids, starts: NDArray[np.int_], num_steps: int, per_batch: int) -> Windows:
    starts = starts.astype(np.int64)
    ends = np.minimum(starts + num_steps, len(ids) - 1)
    return Windows(ids, starts, ends, num_steps, per_batch, carried=False)


def _streams(ids: Ids, num_steps: int, streams: int) -> Windows:
    """The text as `streams` long pieces read side by side, each cut into adjacent windows."""
    scored = len(ids) - 1
    # Enough tokens per stream that every stream's last window holds at least one.
    streams = max(1, min(streams, scored // num_steps))
    borders = np.linspace(0, scored, streams + 1).astype(np.int64)
    rows = -(-int(np.diff(borders).max()) // num_steps)
    offsets = np.arange(rows)[:, None] * num_steps
    starts = np.minimum(borders[:-1] + offsets, borders[1:])
    ends = np.minimum(starts + num_steps, borders[1:])
    return Windows(ids, starts.ravel(), ends.ravel(), num_steps, streams, carried=True)


def _with_begin(ids: Ids) -> Ids:
    return np.concatenate([[BEGIN], ids]).astype(np.int64)
