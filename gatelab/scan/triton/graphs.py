"""CUDA graphs: a function's launches recorded once and started together."""

from collections.abc import Callable

import torch
from torch import Tensor

Computation = Callable[..., tuple[Tensor, ...]]

EAGER_CALLS = 2
"""Calls before a recording: they compile the kernels, and a rarer shape is not worth a recording."""


class Replayed:
    """A function of tensors that is recorded per shape of its arguments on a GPU, and then replayed.

    The function must launch the same kernels on every call, change nothing but its results, and read other memory only
    if that keeps its address. The results of a replay are valid until the next call with the same shape.

    Without a GPU, the function is simply called.
    """

    def __init__(self, compute: Computation) -> None:
        self._compute = compute
        self._calls: dict[tuple[torch.Size, ...], int] = {}
        self._recordings: dict[tuple[torch.Size, ...], _Recording] = {}

    def __call__(self, *arguments: Tensor) -> tuple[Tensor, ...]:
        if arguments[0].device.type != "cuda":
            return self._compute(*arguments)
        shape = tuple(argument.shape for argument in arguments)
        if shape in self._recordings:
            return self._recordings[shape].replay(*arguments)
        self._calls[shape] = self._calls.get(shape, 0) + 1
        if self._calls[shape] <= EAGER_CALLS:
            return self._compute(*arguments)
        self._recordings[shape] = _Recording(self._compute, arguments)
        return self._recordings[shape].replay(*arguments)


class _Recording:
    def __init__(self, compute: Computation, arguments: tuple[Tensor, ...]) -> None:
        self._arguments = tuple(argument.clone() for argument in arguments)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._results = compute(*self._arguments)

    def replay(self, *arguments: Tensor) -> tuple[Tensor, ...]:
        for mine, argument in zip(self._arguments, arguments, strict=True):
            mine.copy_(argument)
        self._graph.replay()
        return self._results
