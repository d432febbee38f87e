"""A cell's scan over the sequences of every member of a pack, differentiable."""

from itertools import groupby
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from gatelab.scan.triton import launch
from gatelab.scan.triton.code import Code
from gatelab.scan.triton.launch import Form, Gradients, Scanned
from gatelab.scan.triton.products import SPAN, column_sums, matmul, segment_sums
from gatelab.specs.training import Precision


def scan(
    code: Code,
    u: Tensor,
    ids: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    vectors: Tensor | None,
    state: Tensor,
    form: Form | None = None,
    precision: Precision = "fp32",
) -> tuple[Tensor, Tensor]:
    """Apply a cell over the sequences of every member.

    Args:
        code: the cell's.
        u: the input's side of the equations, x W + b: (members, steps, batch, inputs * hidden) for the sums of
            `code.inputs`; or, with `ids`, a table of it, (members, vocabulary, inputs * hidden).
        ids: (members, steps, batch), or None.
        weight: (members, hidden, products * hidden), the matrices of `code.matrices` side by side; None without any.
        bias: (members, biases * hidden), those of `code.biases`; None without any.
        vectors: (members, vectors * hidden), those of `code.vectors`, a scalar as a vector; None without any.
        state: (states, members, batch, hidden), before the first step.
        form: by default persistent if the recurrent weights fit on chip, else stepwise.
        precision: of the operands of products.

    Returns:
        Outputs (members, steps, batch, hidden) and the state after the last step, as `state`. Differentiable in all
        floating-point arguments.
    """
    how = form or launch.choose_form(code, state), precision
    outputs, last = _Scan.apply(code, how, u, ids, weight, bias, vectors, state)  # type: ignore[no-untyped-call]
    return outputs, last


class _Scan(Function):
    @staticmethod
    def forward(
        ctx: Any,
        code: Code,
        how: tuple[Form, Precision],
        u: Tensor,
        ids: Tensor | None,
        weight: Tensor | None,
        bias: Tensor | None,
        vectors: Tensor | None,
        state: Tensor,
    ) -> tuple[Tensor, Tensor]:
        form, precision = how
        u = u.contiguous()
        weight, bias, vectors = (None if each is None else each.contiguous() for each in (weight, bias, vectors))
        states, members, batch, hidden = state.shape
        steps = u.shape[1] if ids is None else ids.shape[1]
        history = state.new_empty(states, members, steps + 1, batch, hidden)
        history[:, :, 0] = state
        kept = state.new_empty(members, steps, batch, len(code.layout.kept) * hidden)
        operands = state.new_empty(members, steps, batch, code.layout.computed * hidden)
        sizes = members, steps, batch, hidden
        if members * steps * batch * hidden:
            scanned = Scanned(code, sizes, weight, vectors, history, kept, operands, precision)
            launch.forward(form, scanned, u, ids, bias)
        ctx.code, ctx.how, ctx.sizes, ctx.vocabulary = code, how, sizes, u.shape[1]
        ctx.save_for_backward(ids, weight, vectors, history, kept, operands)
        return history[0, :, 1:], history[:, :, -1]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        doutputs, dlast = gradients
        ids, weight, vectors, history, kept, operands = ctx.saved_tensors
        code, (form, precision) = ctx.code, ctx.how
        members, steps, batch, hidden = ctx.sizes
        layout = code.layout
        dsums = history.new_empty(members, steps, batch, len(layout.sums) * hidden)
        dvectors = history.new_zeros(members, batch, len(layout.vectors) * hidden)
        dstate = dlast.clone(memory_format=torch.contiguous_format)
        if members * steps * batch * hidden:
            scanned = Scanned(code, ctx.sizes, weight, vectors, history, kept, operands, precision)
            launch.backward(form, scanned, Gradients(doutputs.contiguous(), dstate, dsums, dvectors))
        du = dsums[..., : len(layout.inputs) * hidden]
        of_u = du if ids is None else segment_sums(du.flatten(1, 2), ids.flatten(1), ctx.vocabulary)
        rows = dsums.flatten(1, 2)
        dweight = None if weight is None else _weight_gradient(code, precision, history, operands, rows)
        dbias = [column_sums(_columns(rows, at, at + 1, hidden)) for at, _ in layout.biases]
        return (
            *(None, None, of_u, None, dweight),
            torch.cat(dbias, dim=1) if dbias else None,
            None if vectors is None else column_sums(dvectors),
            dstate,
        )


def _weight_gradient(code: Code, precision: Precision, history: Tensor, operands: Tensor, dsums: Tensor) -> Tensor:
    """The left sides of the recurrent products, transposed, times the gradients of their sums.

    Args:
        dsums: (members, steps * batch, sums * hidden)
    """
    layout, hidden = code.layout, history.shape[-1]
    found = []
    for number, products in groupby(layout.products, lambda product: product.operand):
        operand = layout.operands[number]
        match operand.kind:
            case "before":
                left = history[operand.index, :, :-1]
            case "after":
                left = history[operand.index, :, 1:]
            case "computed":
                left = _columns(operands, operand.index, operand.index + 1, hidden)
        places = [product.sum for product in products]
        # Adjacent sums are multiplied at once.
        for _, run in groupby(enumerate(places), lambda each: each[1] - each[0]):
            beside = [place for _, place in run]
            right = _columns(dsums, beside[0], beside[-1] + 1, hidden)
            found.append(matmul(left.flatten(1, 2).mT, right, SPAN, precision))
    return torch.cat(found, dim=2)


def _columns(array: Tensor, first: int, end: int, hidden: int) -> Tensor:
    return array[..., first * hidden : end * hidden]
