"""Differentiable parts around the scans of a pack: linear maps, rows picked from tables, scalars as vectors."""

from typing import Any

from torch import Tensor
from torch.autograd import Function

from gatelab.scan.triton.products import SPAN, column_sums, matmul, segment_sums, totals
from gatelab.specs.training import Precision


class _Linear(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, precision: Precision) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.precision = precision
        return matmul(x, weight, precision=precision).add_(bias[:, None])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        (dy,) = gradients
        dx = matmul(dy, weight.mT, precision=ctx.precision)
        return dx, matmul(x.mT, dy, SPAN, ctx.precision), column_sums(dy), None


class _Gather(Function):
    @staticmethod
    def forward(ctx: Any, table: Tensor, ids: Tensor) -> Tensor:
        ctx.save_for_backward(ids)
        ctx.segments = table.shape[1]
        return table.gather(1, ids[:, :, None].expand(-1, -1, table.shape[2]))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (ids,) = ctx.saved_tensors
        return segment_sums(gradients[0], ids, ctx.segments), None


class _Spread(Function):
    @staticmethod
    def forward(ctx: Any, scalar: Tensor, hidden: int) -> Tensor:  # noqa: ARG004
        return scalar[:, None].repeat(1, hidden)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:  # noqa: ARG004
        return totals(gradients[0].contiguous()), None


def linear(x: Tensor, weight: Tensor, bias: Tensor, precision: Precision = "fp32") -> Tensor:
    """x W + b: (members, rows, inputs), (members, inputs, outputs), (members, outputs) -> (members, rows, outputs)."""
    return _Linear.apply(x, weight, bias, precision)  # type: ignore[no-untyped-call, no-any-return]


def gather(table: Tensor, ids: Tensor) -> Tensor:
    """Rows of each member's table (members, segments, columns) by ids (members, rows)."""
    return _Gather.apply(table, ids)  # type: ignore[no-untyped-call, no-any-return]


def spread(scalar: Tensor, hidden: int) -> Tensor:
    """Each member's number (members,) as a vector (members, hidden)."""
    return _Spread.apply(scalar, hidden)  # type: ignore[no-untyped-call, no-any-return]
