"""From a checkpoint of one run to the start of another: another text or rate, more epochs, more characters."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from gatelab.architecture import parameter_shapes
from gatelab.checkpoint import Array, Checkpoint, Position
from gatelab.errors import InvalidSpec, Problem
from gatelab.initial import initial_values
from gatelab.optimizer_state import remembered
from gatelab.specs.job import RunSpec
from gatelab.specs.resolved import as_json, resolved
from gatelab.text.tokenizers import Tokenizer

OWN = ("dropout", "init")
"""The fields of a model in which a run may differ from the run from which it starts."""

BATCHING = ("num_steps", "batch_size", "windows", "carry_state", "seed")
"""The fields that decide which windows are in each batch of an epoch."""


@dataclass(frozen=True)
class Origin:
    """The start of a run.

    Attributes:
        checkpoint: the other run's checkpoint.
        same_text: whether the other run was trained on the same corpus.
    """

    checkpoint: Checkpoint
    same_text: bool = True


def check_start(spec: RunSpec, origin: Checkpoint) -> None:
    """
    Raises:
        InvalidSpec: a run of `spec` cannot start from this checkpoint; the error names every path in which they differ.
    """
    if faults := list(_faults(spec, origin)):
        raise InvalidSpec(faults)


def _faults(spec: RunSpec, origin: Checkpoint) -> Iterator[Problem]:
    assert spec.start is not None, "a run starts from a checkpoint where its spec says so"
    theirs = origin.spec
    for name in type(spec.model).model_fields:
        mine, other = getattr(resolved(spec).model, name), getattr(resolved(theirs).model, name)
        if name not in OWN and mine != other:
            yield Problem(
                f"model.{name}", f"must be the same as in the run it starts from: {_said(other)}, not {_said(mine)}"
            )
    if spec.tokenizer != theirs.tokenizer:
        message = (
            f"must be the same as in the run it starts from: {_said(theirs.tokenizer)}, not {_said(spec.tokenizer)}"
        )
        yield Problem("tokenizer", message)
    if spec.start.what == "weights":
        return
    kind, other_kind = spec.training.optimizer.kind, theirs.training.optimizer.kind
    if kind != other_kind:
        message = f"must be {other_kind}, whose state the checkpoint has, not {kind}; or start with what: weights"
        yield Problem("training.optimizer.kind", message)
    at, stop = origin.position, spec.training.stop
    for path, bound, behind in (
        ("training.epochs", spec.training.epochs, at.epoch),
        ("training.stop.max_steps", stop.max_steps, at.step),
        ("training.stop.max_tokens", stop.max_tokens, at.tokens),
        ("training.stop.max_seconds", stop.max_seconds, at.seconds),
    ):
        if bound is not None and bound <= behind:
            yield Problem(
                path, f"must be more than {behind:.10g}, which the checkpoint has reached already, not {bound:.10g}"
            )


def _said(field: object) -> str:
    return str(as_json(field))[:200]


def begin(spec: RunSpec, tokenizer: Tokenizer, origin: Origin) -> Checkpoint:
    """The checkpoint at which a run of `spec` begins.

    With `what: everything` it continues at the other run's position. If the text, the batches or the alphabet differ,
    it leaves an unfinished epoch and begins the next one.

    Args:
        tokenizer: of the run, grown from the origin's.

    Raises:
        InvalidSpec: as `check_start`.
    """
    check_start(spec, origin.checkpoint)
    assert spec.start is not None, "checked"
    source = origin.checkpoint
    weights = _grown_weights(spec, tokenizer, source)
    if spec.start.what == "weights":
        return Checkpoint(spec, tokenizer, Position(), weights)
    at = replace(source.position, standing=replace(source.position.standing, ended=None))
    same = origin.same_text and tokenizer.vocabulary == source.tokenizer.vocabulary
    same &= all(getattr(spec.training, name) == getattr(source.spec.training, name) for name in BATCHING)
    if not same and at.batch:
        at = replace(at, batch=0, epoch_loss=0.0, epoch_tokens=0)
    optimizer = _grown_optimizer(spec, tokenizer, source)
    return Checkpoint(spec, tokenizer, at, weights, optimizer, source.carried if same else ())


def _grown_weights(spec: RunSpec, tokenizer: Tokenizer, source: Checkpoint) -> dict[str, Array]:
    """The weights, with initial values in the rows of new characters."""
    shapes = parameter_shapes(spec.model, tokenizer.vocabulary)
    if tokenizer.vocabulary == source.tokenizer.vocabulary:
        return dict(source.weights)
    drawn = initial_values(spec.model, shapes, spec.training.seed)
    return {name: _into(drawn[name], source.weights[name]) for name in shapes}


def _grown_optimizer(spec: RunSpec, tokenizer: Tokenizer, source: Checkpoint) -> dict[str, Array]:
    """The optimizer's state, with zeros for new characters; empty before its first step."""
    if not source.optimizer and remembered(source.spec.training.optimizer):
        return {}
    names = remembered(spec.training.optimizer)
    state: dict[str, Array] = {}
    for index, shape in enumerate(parameter_shapes(spec.model, tokenizer.vocabulary).values()):
        if (steps := source.optimizer.get(f"{index}.step")) is not None:
            state[f"{index}.step"] = steps
        for name in names:
            zeros = np.zeros(shape, np.float32)
            known = source.optimizer.get(f"{index}.{name}")
            state[f"{index}.{name}"] = zeros if known is None else _into(zeros, known)
    return state


def _into(larger: Array, known: Array) -> Array:
    """`larger` with its beginning, along every axis, replaced by `known`."""
    larger[tuple(slice(0, length) for length in known.shape)] = known
    return larger
