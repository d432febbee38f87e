"""Whether Triton compiles a cell's kernels for this machine, tried by running them once on small arrays."""

from threading import Lock

import structlog
import torch

from gatelab.equations import Representation
from gatelab.scan.triton.code import code_of
from gatelab.scan.triton.scan import scan
from gatelab.specs.training import Precision

STEPS = BATCH = 16
"""A multiple of 16, as most sizes are, since Triton compiles a kernel again for such a size, and for a size of 1."""
VOCABULARY = 3

log = structlog.get_logger(__name__)

_found: dict[tuple[str, int, Precision, str], str | None] = {}
_lock = Lock()


def why_not(representation: Representation, hidden: int, precision: Precision, device: str) -> str | None:
    """Why the kernels of a cell cannot be used on a device, or None if they can. It is tried once per process."""
    key = representation.digest, hidden, precision, device
    with _lock:
        if key not in _found:
            _found[key] = _tried(representation, hidden, precision, device)
        return _found[key]


def _tried(representation: Representation, hidden: int, precision: Precision, device: str) -> str | None:
    try:
        _there_and_back(representation, hidden, precision, device)
    except Exception as error:
        log.warning("Triton cannot run the kernels of a cell", digest=representation.digest, error=str(error)[-2000:])
        *_, last = [line.strip() for line in str(error).splitlines() if line.strip()] or ["without a message"]
        return f"Triton cannot run the kernels of the cell: {type(error).__name__}: {last[:300]}"
    return None


def _there_and_back(representation: Representation, hidden: int, precision: Precision, device: str) -> None:
    code = code_of(representation)

    def zeros(blocks: int, *shape: int) -> torch.Tensor | None:
        return torch.zeros(*shape, blocks * hidden, device=device, requires_grad=True) if blocks else None

    table = torch.zeros(1, VOCABULARY, len(code.inputs) * hidden, device=device, requires_grad=True)
    weight = zeros(len(code.matrices), 1, hidden)
    ids = torch.zeros(1, STEPS, BATCH, dtype=torch.int64, device=device)
    state = torch.zeros(code.layout.states, 1, BATCH, hidden, device=device)
    bias, vectors = zeros(len(code.biases), 1), zeros(len(code.vectors), 1)
    outputs, _ = scan(code, table, ids, weight, bias, vectors, state, precision=precision)
    outputs.sum().backward()  # type: ignore[no-untyped-call]
    if device == "cuda":
        # Failures of running kernels are raised here.
        torch.cuda.synchronize()
