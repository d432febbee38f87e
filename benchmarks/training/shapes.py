"""Cells and sizes to train, and the floating-point operations that they need."""

import re
from dataclasses import dataclass

import numpy as np
import torch

from gatelab.model import LanguageModel
from gatelab.specs import CellSpec, GruSpec, LstmSpec, ModelSpec, RnnSpec
from gatelab.text.windows import Windows

VOCABULARY = 28
"""The vocabulary of the exercises: 26 letters, the space, `<unk>`."""
SIZES = "hidden/batch/steps[/layers]"
"""The format of a shape."""
BATCHES = 8
"""The number of batches with different windows."""

CELLS: dict[str, CellSpec] = {
    "gru, reset before": GruSpec(kind="gru", reset="before"),
    "gru, reset after": GruSpec(kind="gru", reset="after"),
    "gru, reset gate only": GruSpec(kind="gru", gates=("reset",), reset="before"),
    "gru, update gate only": GruSpec(kind="gru", gates=("update",)),
    "rnn, tanh": RnnSpec(kind="rnn"),
    "lstm": LstmSpec(kind="lstm"),
}


@dataclass(frozen=True)
class Shape:
    """The sizes of a model and of a training step."""

    hidden: int
    batch: int
    steps: int
    layers: int = 1
    vocabulary: int = VOCABULARY

    @classmethod
    def parse(cls, text: str) -> "Shape":
        """Read a shape from hidden/batch/steps or hidden/batch/steps/layers.

        Raises:
            ValueError: the text has another format, or a size is not positive.
        """
        if not re.fullmatch(r"[1-9]\d*(/[1-9]\d*){2,3}", text):
            raise ValueError(f"{text!r} is not {SIZES} in positive integers")
        return cls(*map(int, text.split("/")))

    def __str__(self) -> str:
        """The format that `parse` reads."""
        sizes = f"{self.hidden}/{self.batch}/{self.steps}"
        return sizes if self.layers == 1 else f"{sizes}/{self.layers}"

    @property
    def tokens(self) -> int:
        """Tokens per step."""
        return self.batch * self.steps


SHAPES = tuple(map(Shape.parse, ("32/1024/32", "128/1024/32", "256/64/64", "512/64/64/2")))


def flops_per_token(cell: CellSpec, shape: Shape) -> int:
    """Operations of a training step's matrix products: 2 forward and 4 backward per weight, none for one-hot inputs."""
    match cell:
        case RnnSpec():
            blocks = 1
        case GruSpec(gates=gates):
            blocks = len(gates) + 1
        case LstmSpec():
            blocks = 4
    products = (2 * shape.layers - 1) * blocks * shape.hidden**2 + shape.hidden * shape.vocabulary
    return 6 * products


def random_model(cell: CellSpec, shape: Shape, seed: int) -> LanguageModel:
    """A model with weights so large that every part of the equations shows in the loss."""
    cell = cell.model_copy(update={"hidden": shape.hidden})
    model = LanguageModel(ModelSpec(cell=cell, layers=shape.layers), shape.vocabulary)
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.data.normal_(0, shape.hidden**-0.5, generator=generator)
    return model


def random_windows(shape: Shape, seed: int) -> Windows:
    """`BATCHES` batches of windows of a random text."""
    count = BATCHES * shape.batch
    ids = np.random.default_rng(seed).integers(0, shape.vocabulary, size=count + shape.steps)
    starts = np.arange(count)
    return Windows(ids, starts, starts + shape.steps, shape.steps, shape.batch, carried=False)
