"""How much text a run reads, told from its spec and the length of its corpus alone: what it costs depends on that."""

from dataclasses import dataclass

from gatelab.specs.job import RunSpec
from gatelab.text.windows import borders, held_out_streams, side_by_side


@dataclass(frozen=True)
class Part:
    """One pass over one part of a text.

    Attributes:
        tokens: how many are scored.
        batches: how many times windows are read side by side.
        widest: the most windows that are read side by side.
        steps: the most tokens of a window.
    """

    tokens: int
    batches: int
    widest: int
    steps: int


@dataclass(frozen=True)
class Reading:
    """What is read in an epoch (`train`), after an epoch (`validation`), and at the end (`test`, if anything)."""

    train: Part
    validation: Part
    test: Part | None


def reading(spec: RunSpec, tokens: int) -> Reading:
    """What a run of `spec` reads of a corpus of `tokens` tokens, which must be long enough for it."""
    training, steps = spec.training, spec.training.num_steps
    if (counts := training.windows.counts) is not None:
        train, validation, test = counts
        held_out = side_by_side(steps)
        return Reading(
            _part(train, train * steps, training.batch_size, steps),
            _part(validation, validation * steps, held_out, steps),
            _part(test, test * steps, held_out, steps) if test else None,
        )
    first, second = borders(tokens)
    if training.carry_state:
        return Reading(
            _streams(first, training.batch_size, steps),
            _streams(second - first, *held_out_streams(second - first, steps)),
            _streams(tokens - second, *held_out_streams(tokens - second, steps)),
        )
    windows = -(-(first + 1 - steps) // (training.windows.stride or steps))
    return Reading(
        _part(windows, windows * steps, training.batch_size, steps),
        _whole(second - first, steps),
        _whole(tokens - second, steps),
    )


def _part(windows: int, tokens: int, per_batch: int, steps: int) -> Part:
    return Part(tokens, -(-windows // per_batch), min(windows, per_batch), steps)


def _whole(tokens: int, steps: int) -> Part:
    """A text read in windows that adjoin."""
    return _part(-(-tokens // steps), tokens, side_by_side(steps), steps)


def _streams(tokens: int, streams: int, steps: int) -> Part:
    """A text read as at most `streams` streams, each in windows that adjoin."""
    streams = max(1, min(streams, tokens // steps))
    longest = -(-tokens // streams)
    return Part(tokens, -(-longest // steps), streams, steps)
