"""A cell that only PyTorch knows trains, with whatever engine there is for others."""

from importlib import import_module
from typing import Any, Literal

import pytest
import torch
from structlog.testing import capture_logs
from torch import Tensor, nn

from gatelab import cells, model
from gatelab.cells import Cell, GateOverride, State
from gatelab.errors import InvalidInput, InvalidRequest
from gatelab.export import script
from gatelab.scan.native.program import kind_of
from gatelab.specs import CellSpec, ModelSpec, RunSpec
from gatelab.specs.base import Spec
from gatelab.specs.cells import Hidden, in_words
from gatelab.text import prepare
from gatelab.training import Evaluated, Started, pack_size, train
from gatelab.training.engines import choose_engine, obstacle
from tests.randomized import CLASSIC, cell_name
from tests.training.runs import corpus, spec_of

WORK = import_module("gatelab.costs.work")
"""The package has a function of this name, too."""

# A cell that is written in PyTorch alone: a spec, the equations, and their blocks.


class LeakySpec(Spec):
    """A network whose units leak."""

    kind: Literal["leaky"] = "leaky"
    hidden: Hidden = 6
    leak: float = 0.5


class Leaky(Cell):
    """h' = leak * h + (1 - leak) * tanh(x W + h U + b)."""

    def __init__(self, spec: LeakySpec, inputs: int) -> None:
        super().__init__(inputs, spec.hidden, blocks=1)
        self.weight_hidden = nn.Parameter(torch.zeros(spec.hidden, spec.hidden))
        self.leak = spec.leak

    def update(self, u: Tensor, state: State, gates: GateOverride | None = None) -> State:
        (h,) = state
        return (self.leak * h + (1 - self.leak) * torch.tanh(u + h @ self.weight_hidden),)


@pytest.fixture
def leaky(monkeypatch: pytest.MonkeyPatch) -> RunSpec:
    """A run of the new cell, registered as those steps say."""

    def build(spec: Any, inputs: int) -> Cell:
        return Leaky(spec, inputs) if isinstance(spec, LeakySpec) else cells.build(spec, inputs)

    def blocks(cell: Any) -> int:
        return 1 if isinstance(cell, LeakySpec) else int(known(cell))

    known = WORK.blocks
    monkeypatch.setattr(model, "build", build)
    monkeypatch.setattr(WORK, "blocks", blocks)
    monkeypatch.setattr("gatelab.training.engines._told", set())
    spec = spec_of(num_steps=8, batch_size=20, epochs=2, sample={"characters": 5}, gate_statistics=True)
    return spec.model_copy(update={"model": spec.model.model_copy(update={"cell": LeakySpec()})})


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_it_trains_with_pytorch_where_the_fastest_engine_is_wanted(
    precision: str, leaky: RunSpec, time_machine: str
) -> None:
    spec = leaky.model_copy(update={"training": leaky.training.model_copy(update={"precision": precision})})
    with capture_logs() as logs:
        started, *events = train(spec, corpus(time_machine))
    assert isinstance(started, Started)
    assert started.engine == "torch"
    assert [entry["reason"] for entry in logs] == [
        "the native engine cannot train this: it has no code for the cell kind leaky, leak 0.5"
    ]
    first, last = (event for event in events if isinstance(event, Evaluated))
    assert last.validation_loss < first.validation_loss
    assert len(last.sample or "") == 5


def test_it_trains_with_pytorch_where_that_is_wanted(leaky: RunSpec, time_machine: str) -> None:
    assert (
        len([event for event in train(leaky, corpus(time_machine), engine="torch") if isinstance(event, Evaluated)])
        == 2
    )


def test_an_engine_that_is_asked_for_by_name_says_what_it_lacks(leaky: RunSpec, time_machine: str) -> None:
    with pytest.raises(
        InvalidInput, match=r"GATELAB_ENGINE: is native, but .* no code for the cell kind leaky.*; use auto"
    ):
        next(train(leaky, corpus(time_machine), engine="native"))


def test_a_worker_finds_room_for_it(leaky: RunSpec, time_machine: str) -> None:
    engine = choose_engine("cpu", "auto", "fp32", leaky.model.cell)
    vocabulary = prepare(leaky, corpus(time_machine)).tokenizer.vocabulary
    assert pack_size(leaky, vocabulary, engine, threads=2, memory=0) == 1
    started = next(train(leaky, corpus(time_machine)))
    assert isinstance(started, Started)
    assert started.parameters == WORK.parameters(leaky.model, vocabulary)


@pytest.mark.parametrize("cell", CLASSIC, ids=cell_name)
def test_every_other_cell_has_native_code(cell: CellSpec) -> None:
    kind_of(cell)
    assert choose_engine("cpu", "auto", "fp32", cell) == "native"


def test_a_choice_that_a_known_cell_did_not_have_is_unknown_too() -> None:
    swish = CLASSIC[0].model_copy(update={"activation": "swish"})
    assert obstacle("native", "cpu", "fp32", swish) is not None
    assert obstacle("torch", "cpu", "fp32", swish) is None
    with pytest.raises(InvalidRequest, match="format: is numpy, but there is no program for the cell kind rnn"):
        script(ModelSpec(cell=swish))
    assert in_words(swish) == "kind rnn, activation swish"
