"""A cell's scan over the sequences of every member of a pack, differentiable."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from gatelab.scan.triton import launch
from gatelab.scan.triton.equations import Equations
from gatelab.scan.triton.kernels.tiles import AFTER, BEFORE
from gatelab.scan.triton.launch import Form, Scanned
from gatelab.scan.triton.products import SPAN, column_sums, matmul, segment_sums
from gatelab.specs.training import Precision


def scan(
    cell: Equations,
    u: Tensor,
    ids: Tensor | None,
    weight: Tensor,
    bias: Tensor | None,
    state: Tensor,
    form: Form | None = None,
    precision: Precision = "fp32",
) -> tuple[Tensor, Tensor]:
    """Apply a cell over the sequences of every member.

    Args:
        cell: its kernel code.
        u: the input's side of the equations, x W + b: (members, steps, batch, blocks * hidden); or, with `ids`, a
            table of it, (members, vocabulary, blocks * hidden).
        ids: (members, steps, batch), or None.
        weight: (members, hidden, blocks * hidden), the recurrent matrices side by side in the order of the blocks.
        bias: (members, hidden), the candidate's second one, with reset after only.
        state: (tensors, members, batch, hidden), before the first step.
        form: default: persistent where the recurrent weights fit on chip, stepwise beyond.
        precision: of the operands of products.

    Returns:
        Outputs (members, steps, batch, hidden) and the state after the last step, as `state`. Differentiable in all
        that is floating point.
    """
    outputs, last = _Scan.apply(cell, form or launch.choose_form(cell, weight), precision, u, ids, weight, bias, state)  # type: ignore[no-untyped-call]
    return outputs, last


class _Scan(Function):
    @staticmethod
    def forward(
        ctx: Any,
        cell: Equations,
        form: Form,
        precision: Precision,
        u: Tensor,
        ids: Tensor | None,
        weight: Tensor,
        bias: Tensor | None,
        state: Tensor,
    ) -> tuple[Tensor, Tensor]:
        u, weight = u.contiguous(), weight.contiguous()
        tensors, members, batch, hidden = state.shape
        steps = u.shape[1] if ids is None else ids.shape[1]
        history = u.new_empty(tensors, members, steps + 1, batch, hidden)
        history[:, :, 0] = state
        activations = u.new_empty(members, steps, batch, cell.blocks * hidden)
        inner = u.new_empty(members, steps, batch, hidden) if cell.reset else None
        if activations.numel():
            launch.forward(form, Scanned(cell, weight, history, activations, inner, precision), u, ids, bias)
        ctx.cell, ctx.form, ctx.precision, ctx.vocabulary = cell, form, precision, u.shape[1]
        ctx.save_for_backward(ids, weight, history, activations, inner)
        return history[0, :, 1:], history[:, :, -1]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        doutputs, dlast = gradients
        cell: Equations = ctx.cell
        ids, weight, history, activations, inner = ctx.saved_tensors
        du = torch.empty_like(activations)
        dinner = torch.empty_like(inner) if cell.reset == AFTER.value else None
        dstate = dlast.clone(memory_format=torch.contiguous_format)
        if du.numel():
            scanned = Scanned(cell, weight, history, activations, inner, ctx.precision)
            launch.backward(ctx.form, scanned, doutputs.contiguous(), dstate, du, dinner)
        rows = du.flatten(1, 2)
        dweight = _weight_gradient(cell, ctx.precision, history[0, :, :-1].flatten(1, 2), rows, inner, dinner)
        dbias = None if dinner is None else column_sums(dinner.flatten(1, 2))
        of_u = du if ids is None else segment_sums(rows, ids.flatten(1), ctx.vocabulary)
        return None, None, None, of_u, None, dweight, dbias, dstate


def _weight_gradient(
    cell: Equations, precision: Precision, h: Tensor, du: Tensor, inner: Tensor | None, dinner: Tensor | None
) -> Tensor:
    """The left sides of the recurrent products, transposed, times the gradients of the products."""
    if inner is None:
        return matmul(h.mT, du, SPAN, precision)
    hidden = h.shape[2]
    left = inner.flatten(1, 2) if cell.reset == BEFORE.value else h
    right = du[:, :, -hidden:] if dinner is None else dinner.flatten(1, 2)
    gates = matmul(h.mT, du[:, :, :-hidden], SPAN, precision)
    return torch.cat([gates, matmul(left.mT, right, SPAN, precision)], dim=2)
