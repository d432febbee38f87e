"""The amount of text that a run reads, computed from its spec and the length of its corpus. Costs depend on it."""

from dataclasses import dataclass

from gatelab.specs.job import RunSpec
from gatelab.text.token_counts import Extent
from gatelab.text.windows import held_out_streams, side_by_side


@dataclass(frozen=True)
class Part:
    """One pass over one part of a text.

    Attributes:
        tokens: the number of scored tokens.
        batches: the number of times that windows are read side by side.
        widest: the most windows that are read side by side.
        steps: the most tokens of a window.
    """

    tokens: int
    batches: int
    widest: int
    steps: int


@dataclass(frozen=True)
class Reading:
    """The text read in an epoch (`train`), after an epoch (`validation`), and at the end (`test`, if there is one)."""

    train: Part
    validation: Part
    test: Part | None


def reading(spec: RunSpec, extent: Extent) -> Reading:
    """The text that a run of `spec` reads from texts of this extent, which must be long enough."""
    training, steps = spec.training, spec.training.num_steps
    if (counts := training.windows.counts) is not None:
        train, validation, test = (windows * steps for windows in counts)
    else:
        found = extent.lengths(spec)
        train, validation, test = found.train, found.validation, found.test or 0
    tested = _held_out(spec, test, extent.vocabulary) if test else None
    held_out = _held_out(spec, validation, extent.vocabulary)
    if training.carry_state:
        return Reading(_streams(train, training.batch_size, steps), held_out, tested)
    windows = train // steps if counts else -(-(train + 1 - steps) // (training.windows.stride or steps))
    return Reading(_part(windows, windows * steps, training.batch_size, steps), held_out, tested)


def _held_out(spec: RunSpec, tokens: int, vocabulary: int) -> Part:
    steps = spec.training.num_steps
    if spec.training.carry_state:
        return _streams(tokens, *held_out_streams(tokens, steps, vocabulary))
    return _part(-(-tokens // steps), tokens, side_by_side(steps, vocabulary), steps)


def _part(windows: int, tokens: int, per_batch: int, steps: int) -> Part:
    return Part(tokens, -(-windows // per_batch), min(windows, per_batch), steps)


def _streams(tokens: int, streams: int, steps: int) -> Part:
    """A text read as at most `streams` streams, each in adjacent windows."""
    streams = max(1, min(streams, tokens // steps))
    longest = -(-tokens // streams)
    return Part(tokens, -(-longest // steps), streams, steps)
