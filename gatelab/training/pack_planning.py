"""Decides how many runs to train together."""

import math

from gatelab.architecture import parameter_count
from gatelab.equations.triton.layout import Layout
from gatelab.specs.cells import CellSpec
from gatelab.specs.job import RunSpec
from gatelab.text.windows import EVALUATION_TOKENS
from gatelab.training.engines import EngineName

FLOPS_PER_THREAD = 40e6
"""Floating-point operations that a call must have for each thread, which a core does in about 0.5 ms. For steps with
fewer, packs gained up to 2.5 x; with more, every thread was already busy, and packs gained less than a tenth
(`python -m benchmarks.training packs`)."""

MEMORY_SHARE = 0.5
"""The share of a GPU's free memory that a pack may take, by estimate."""

_FLOAT = 4
_COPIES = 4
"""Copies of each weight: itself, its gradient, and two moments of the optimizer."""
_AROUND = 2
"""Vectors of hidden size for each token and layer, beside those of the scan: outputs and their gradient."""
_LOGITS = 3
"""Vectors of vocabulary size, for each token: logits, probabilities, and their gradient."""


def pack_size(spec: RunSpec, vocabulary: int, engine: EngineName, *, threads: int, memory: int) -> int:
    """How many runs of this shape to train together, at least 1.

    PyTorch trains the members of a pack one after the other, so it gains nothing from a pack. On a CPU a pack pays if a
    step is too small to keep the threads busy: it then has as many runs as one call needs to have `FLOPS_PER_THREAD`.
    Beyond that, training runs one after the other is as fast, and they end sooner. A GPU is seldom busy, so its memory
    is the bound.

    Args:
        vocabulary: number of token ids.
        threads: of the CPU.
        memory: free bytes on the GPU; ignored elsewhere.
    """
    match engine:
        case "native":
            return max(1, math.ceil(threads * FLOPS_PER_THREAD / flops(spec, vocabulary)))
        case "triton":
            return max(1, int(MEMORY_SHARE * memory / _bytes(spec, vocabulary)))
        case "torch":
            return 1


def flops(spec: RunSpec, vocabulary: int) -> int:
    """Floating-point operations of a training step, about: two for each weight and token forward, four backward."""
    return 6 * _batch_tokens(spec) * parameter_count(spec.model, vocabulary)


def _bytes(spec: RunSpec, vocabulary: int) -> int:
    """The approximate memory of one member; an evaluation keeps less per token, but may read more at once."""
    tokens = max(_batch_tokens(spec), EVALUATION_TOKENS)
    of_a_token = _vectors(spec.model.cell) * sum(spec.model.widths) + _LOGITS * vocabulary
    return _FLOAT * (_COPIES * parameter_count(spec.model, vocabulary) + tokens * of_a_token)


def _vectors(cell: CellSpec) -> int:
    """Vectors of hidden size that a scan keeps per token until the backward pass: states, kept values, gradients."""
    layout = Layout(cell.representation)
    scan = layout.states + len(layout.kept) + layout.computed + len(layout.inputs) + len(layout.sums)
    return scan + _AROUND


def _batch_tokens(spec: RunSpec) -> int:
    training = spec.training
    return training.num_steps * min(training.batch_size, training.windows.train or training.batch_size)
