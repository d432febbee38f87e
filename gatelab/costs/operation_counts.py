"""Parameters, memory and arithmetic of a run, counted from its spec."""

from dataclasses import dataclass, field

from gatelab.costs.cells import CellCounts, of_equations
from gatelab.costs.step_counts import course
from gatelab.specs.cells import CellSpec
from gatelab.specs.job import RunSpec
from gatelab.specs.model import ModelSpec
from gatelab.specs.training import OptimizerSpec, RmspropSpec, SgdSpec
from gatelab.text.reading_costs import Part, reading
from gatelab.text.token_counts import Extent

FLOAT_BYTES = 4
BYTES_PER_CHARACTER = 4
"""The most bytes of a character, in UTF-8."""
DESCRIPTION_BYTES, BYTES_PER_LETTER = 16 * 2**10, 12
"""Bytes of a checkpoint beside its numbers: spec and position, and each letter in its longest JSON spelling."""
TRAINING = 3
"""Forward and backward pass together cost about three forward passes."""


@dataclass(frozen=True)
class Work:
    """The work of a run from its first step to its last. The three sums count a training token three times.

    Attributes:
        parameters: trained numbers.
        memory_bytes: estimate of weights, gradient, optimizer state and the activations of one batch.
        scan_steps: steps of a layer over a batch, one after the other: what overheads are paid for.
        elements: numbers that go through an activation function or into a mean: what memory traffic is paid for.
        flops: floating-point operations of the matrix products.
        stored_bytes: the most bytes of checkpoints and samples that the run leaves. It has no influence on time and is
            left out of comparisons; 0 for runs of earlier versions.
    """

    parameters: int
    memory_bytes: int
    scan_steps: int
    elements: int
    flops: int
    stored_bytes: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Expected:
    """The work of a run, and the seconds that it was predicted to take (None: no past runs to predict them from)."""

    work: Work
    seconds: float | None


def work(spec: RunSpec, extent: Extent) -> Work:
    """The work of a run of `spec` on a corpus of this extent."""
    model, training = spec.model, spec.training
    read = reading(spec, extent)
    generated = 0 if training.sample is None else training.sample.characters + len(training.sample.prefix)
    whole = course(training, read.train)
    tokens = TRAINING * whole.of(read.train.tokens, read.train.batches)
    tokens += whole.evaluations * (read.validation.tokens + generated)
    steps = TRAINING * whole.steps * read.train.steps
    steps += whole.evaluations * (read.validation.batches * read.validation.steps + generated)
    if read.test is not None:
        tokens += read.test.tokens
        steps += read.test.batches * read.test.steps
    count = parameters(model, extent.vocabulary)
    return Work(
        parameters=count,
        memory_bytes=FLOAT_BYTES
        * (
            count * (2 + _optimizer_tensors(training.optimizer))
            + _activations(model, extent.vocabulary, read.train, read.validation)
        ),
        scan_steps=steps * model.layers,
        elements=tokens * (counts(model.cell).activations * sum(model.widths) + extent.vocabulary),
        flops=tokens * flops_per_token(model, extent.vocabulary),
        stored_bytes=_stored_bytes(spec, count, extent.vocabulary, read.train),
    )


def step_flops(spec: RunSpec, extent: Extent) -> int:
    """Floating-point operations of the largest training step: runs of other accounts wait at least as long."""
    train = reading(spec, extent).train
    return TRAINING * train.steps * train.widest * flops_per_token(spec.model, extent.vocabulary)


def counts(cell: CellSpec) -> CellCounts:
    """Counts of a layer of this cell: its parameters, and its operations per token."""
    return of_equations(cell.representation)


def parameters(model: ModelSpec, vocabulary: int) -> int:
    """The number of trained parameters: embedding, layers of cells, head, and the connections between them."""
    cell, widths = counts(model.cell), model.widths
    embedding = 0 if model.input == "one_hot" else model.input.embedding
    sizes = zip(model.inputs, widths, strict=True)
    layers = sum(cell.parameters(vocabulary if read is None else read, hidden) for read, hidden in sizes)
    around = (embedding + 1) * vocabulary + (0 if model.tied else widths[-1] * vocabulary)
    return around + layers + _between(model)


def _between(model: ModelSpec) -> int:
    """Trained numbers of normalizations, highways and learned states."""
    widths = model.widths
    norms = 2 * sum(widths) if model.norm == "layer" else 0
    highways = sum((width + 1) * width for width in widths[1:]) if model.connections == "highway" else 0
    states = counts(model.cell).states * sum(widths) if model.initial_state == "learned" else 0
    return norms + highways + states


def flops_per_token(model: ModelSpec, vocabulary: int) -> int:
    """Floating-point operations of one forward pass: two for each weight that a matrix product uses.

    A one-hot input costs none: its product is a look-up.
    """
    cell, widths = counts(model.cell), model.widths
    products = widths[-1] * vocabulary
    for read, hidden in zip(model.inputs, widths, strict=True):
        products += hidden * (cell.products * hidden + cell.input_matrices * (read or 0))
    if model.connections == "highway":
        products += sum(width * width for width in widths[1:])
    return 2 * products


def _stored_bytes(spec: RunSpec, parameters: int, vocabulary: int, train: Part) -> int:
    """Bytes of the checkpoints that are kept (at most one per step), and of a sample per evaluation."""
    training, model = spec.training, spec.model
    whole = course(training, train)
    checkpoints = min(training.keep_checkpoints, whole.steps) + training.keep_best
    numbers = parameters * (1 + _optimizer_tensors(training.optimizer))
    if training.carry_state:
        numbers += counts(model.cell).states * train.widest * sum(model.widths)
    sample = training.sample
    characters = 0 if sample is None else whole.evaluations * (sample.characters + len(sample.prefix))
    each = FLOAT_BYTES * numbers + DESCRIPTION_BYTES + BYTES_PER_LETTER * vocabulary
    return checkpoints * each + BYTES_PER_CHARACTER * characters


def _optimizer_tensors(optimizer: OptimizerSpec) -> int:
    """The number of values that the optimizer keeps for each parameter."""
    match optimizer:
        case SgdSpec(momentum=momentum):
            return 1 if momentum else 0
        case RmspropSpec(momentum=momentum):
            return 2 if momentum else 1
    return 2


def _activations(model: ModelSpec, vocabulary: int, train: Part, held_out: Part) -> int:
    """The number of values kept for a training batch and its backward pass, or for an evaluation if that needs more.

    A layer keeps its products with the input, every activation and the state; the head keeps logits and their softmax.
    A connection, a normalization and every mask keep as many numbers as a layer has units.
    """
    cell, widths, drops = counts(model.cell), model.widths, model.drops
    embedding = 0 if model.input == "one_hot" else model.input.embedding
    kept = cell.kept + (model.norm == "layer") + {"plain": 0, "residual": 1, "highway": 3}[model.connections]
    kept += cell.states * (drops.zoneout > 0)
    training = train.steps * train.widest * (kept * sum(widths) + embedding + 2 * vocabulary)
    reading = (cell.input_matrices + 2) * max(widths) + embedding + 2 * vocabulary
    return max(training, held_out.steps * held_out.widest * reading)
