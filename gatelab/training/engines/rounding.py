"""Products as hardware with bfloat16 computes them, by rounding their operands. This defines `precision: bf16`.

Without such hardware this is slower than single precision, with the same results up to rounding.
"""

from collections.abc import Callable, Collection
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.overrides import TorchFunctionMode

MATMULS = {torch.matmul, Tensor.matmul, Tensor.__matmul__}


class RoundedProducts(TorchFunctionMode):
    """Within it, matrix products round both operands to bfloat16; later, the products of their gradients do so too.

    Their sums, and everything else, keep their precision.

    Args:
        exact: right operands whose products are not rounded, also if they are concatenated.
    """

    def __init__(self, exact: Collection[Tensor] = ()) -> None:
        super().__init__()
        self._exact = {id(operand) for operand in exact}
        self._kept: list[Tensor] = []
        """Keeps the operands alive, since a new tensor may get the id of one that is gone."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in MATMULS and not kwargs and id(args[1]) not in self._exact:
            return _product(*args)
        if func is torch.addmm and not kwargs and id(args[2]) not in self._exact:
            return args[0] + _product(*args[1:])
        found = func(*args, **(kwargs or {}))
        if func is torch.cat and all(id(part) in self._exact for part in args[0]):
            self._exact.add(id(found))
            self._kept.append(found)
        return found


class _RoundedProduct(Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        a, b = _rounded(a), _rounded(b)
        ctx.save_for_backward(a, b)
        return a @ b

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        a, b = ctx.saved_tensors
        d = _rounded(gradients[0])
        return d @ b.mT, a.flatten(0, -2).mT @ d.flatten(0, -2)


def _product(a: Tensor, b: Tensor) -> Tensor:
    """a (..., depth) @ b (depth, columns), differentiable."""
    return _RoundedProduct.apply(a, b)  # type: ignore[no-untyped-call, no-any-return]


def _rounded(x: Tensor) -> Tensor:
    """The nearest bfloat16, ties to even, in the tensor's own type."""
    return x.to(torch.bfloat16).to(x.dtype)
