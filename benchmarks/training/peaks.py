"""The most floating-point operations per second that this process can do."""

import torch

from benchmarks.interleaving import Gauge, seconds_per_call
from benchmarks.training.contestants import has_native
from gatelab.scan import native

FMA, MM = "FMA peak", "torch.mm"
SIZE = 1024
SECONDS = 0.2


def gauges(threads: int) -> dict[str, Gauge]:
    """Measures of the peak in FLOP/s: multiply-adds in registers (if the native engine is available), and torch.mm."""
    return ({FMA: lambda: native.load().peak("fp32", threads, SECONDS)} if has_native() else {}) | {MM: torch_mm}


def torch_mm() -> float:
    """FLOP/s of a product of square matrices."""
    a, b, out = torch.randn(SIZE, SIZE), torch.randn(SIZE, SIZE), torch.empty(SIZE, SIZE)
    return 2 * SIZE**3 / seconds_per_call(lambda: torch.mm(a, b, out=out), SECONDS)
