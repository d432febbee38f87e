"""The Triton engine trains as the reference does. Without a GPU its kernels are interpreted."""

import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from structlog.testing import capture_logs

from gatelab.dropout import Dropout
from gatelab.errors import InvalidInput
from gatelab.model import LanguageModel
from gatelab.specs import EquationsSpec, RunSpec
from gatelab.text import prepare
from gatelab.text.windows import Data
from gatelab.training.devices import Device
from gatelab.training.engines import Engine, Reading, choose_engine
from gatelab.training.engines.base import Array, State
from gatelab.training.engines.reference import TorchEngine
from gatelab.training.engines.triton_engine import TritonEngine
from tests import servers
from tests.randomized import assert_close
from tests.scan.shapes import SHAPES
from tests.training.members import member_of
from tests.training.runs import corpus, spec_of

if sys.platform != "linux":
    pytest.skip(servers.ONLY_LINUX, allow_module_level=True)

from gatelab.equations.triton.generate import generate
from gatelab.scan import triton
from gatelab.scan.triton import code

DEVICE: Device = "cuda" if torch.cuda.is_available() else "cpu"
STEPS = 5 if DEVICE == "cuda" else 2  # a GPU replays the third and later calls; the interpreter is slow

Fields = dict[str, Any]

EPS = 1e-3
"""Adam's eps, large compared with a gradient's rounding error, which would otherwise move weights as much."""

PACKS: dict[str, tuple[Fields, list[Fields]]] = {
    "gru before, one-hot, sgd": (
        {"cell": {"kind": "gru", "hidden": 7}},
        [
            {"optimizer": {"kind": "sgd", "lr": 0.5}, "clip_norm": None},
            {"optimizer": {"kind": "sgd", "lr": 1.0, "momentum": 0.9, "weight_decay": 0.01}, "clip_norm": 0.1},
        ],
    ),
    "two lstms, embedding, dropout, carried, adam and adamw": (
        {"cell": {"kind": "lstm", "hidden": 5}, "layers": 2, "input": {"embedding": 4}, "dropout": 0.3},
        [
            {"optimizer": {"kind": "adam", "lr": 0.01, "eps": EPS}, "carry_state": True},
            {
                "optimizer": {"kind": "adamw", "lr": 0.02, "weight_decay": 0.1, "eps": 2 * EPS},
                "carry_state": True,
                "clip_norm": 0.1,
            },
        ],
    ),
    "a cell of equations, two layers, dropout, sgd": (
        {"cell": {"kind": "equations", "hidden": 3, "equations": SHAPES["stages"]}, "layers": 2, "dropout": 0.2},
        [{"optimizer": {"kind": "sgd", "lr": 0.1}}],
    ),
    "vectors and scalars, adam and adamw": (
        {"cell": {"kind": "equations", "hidden": 4, "equations": SHAPES["constants"]}, "input": {"embedding": 3}},
        [
            {"optimizer": {"kind": "adam", "lr": 0.1, "eps": EPS}},
            {"optimizer": {"kind": "adamw", "lr": 0.2, "weight_decay": 0.3, "decay_biases": False, "eps": EPS}},
        ],
    ),
    "gru after, embedding of more ids than are read, adam": (
        {"cell": {"kind": "gru", "hidden": 3, "reset": "after"}, "input": {"embedding": 2}},
        [{"optimizer": {"kind": "adam", "lr": 0.1, "betas": (0.5, 0.9), "eps": EPS}, "batch_size": 2}],
    ),
}


LONG = {name for name in PACKS if name.endswith("sgd") or name.startswith("two lstms")}
"""Triton's interpreter takes seconds for a pack, so the long tests cover the other cases."""
SOME = [pytest.param(name, marks=pytest.mark.long) if name in LONG else name for name in PACKS]


class Pack:
    """Running members of one engine, each at its own batch."""

    def __init__(
        self,
        engine: type[Engine],
        specs: list[RunSpec],
        text: str,
        dtype: torch.dtype,
        weights: Mapping[int, Mapping[str, Array]] = {},
    ) -> None:
        self.data: list[Data] = [prepare(spec, corpus(text, 300)) for spec in specs]
        self.members = []
        for spec, data in zip(specs, self.data, strict=True):
            model = LanguageModel(spec.model, data.tokenizer.vocabulary)
            model.initialize(spec.training.seed)
            self.members.append(member_of(model.to(dtype), spec.training))
        for number, known in weights.items():
            self.members[number].parameters[:] = self.members[number].layout.flat(known)
        self.engine = engine(self.members, DEVICE)
        self.states: dict[int, State] = {}

    def step(self, step: int, members: list[int]) -> dict[int, float]:
        reads = self.engine.differentiate({member: self._reading(member, step) for member in members})
        self.engine.update(members)
        self.states |= {member: read.state for member, read in reads.items()}
        return {member: read.loss for member, read in reads.items()}

    def _reading(self, member: int, step: int) -> Reading:
        train, training = self.data[member].train, self.members[member].training
        # Member 1 begins with the last batch, which may be shorter.
        number = (train.batches - 1 + step if member else step) % train.batches
        return Reading(train, train.numbers(number), self.states.get(member) or None, Dropout(training.seed, step))

    def parameters(self, member: int) -> dict[str, Array]:
        return self.engine.parameters(member)

    def losses(self) -> Mapping[int, float]:
        return self.engine.evaluate({member: data.validation for member, data in enumerate(self.data)})


def specs_of(name: str) -> list[RunSpec]:
    model, trainings = PACKS[name]
    return [
        spec_of(model, **{"num_steps": 4, "batch_size": 13, "seed": seed, **training})
        for seed, training in enumerate(trainings)
    ]


@pytest.mark.parametrize("name", SOME)
def test_a_pack_trains_as_the_reference_does(name: str, time_machine: str) -> None:
    ours, theirs = (Pack(kind, specs_of(name), time_machine, torch.float64) for kind in (TritonEngine, TorchEngine))
    everybody = list(range(len(ours.members)))
    for step in range(STEPS):
        # In the second step the first member is missing.
        present = everybody[1:] if step == 1 and len(everybody) > 1 else everybody
        assert_close(ours.step(step, present), theirs.step(step, present))
    for member in everybody:
        assert_close(ours.parameters(member), theirs.parameters(member))
        assert_close(ours.engine.optimizer_state(member), theirs.engine.optimizer_state(member))
        assert len(ours.states[member]) == len(theirs.states[member])
        for mine, other in zip(ours.states[member], theirs.states[member], strict=True):
            assert_close(mine, other)
    assert_close(dict(ours.losses()), dict(theirs.losses()))


def test_an_optimizer_goes_on_in_another_engine(time_machine: str) -> None:
    """From the reference to Triton, and from Triton to the reference."""
    for name in ("gru before, one-hot, sgd", "gru after, embedding of more ids than are read, adam"):
        first = Pack(TorchEngine, specs_of(name), time_machine, torch.float64)
        last = len(first.members) - 1
        first.step(0, [last])
        before = first
        for step, engine in ((1, TritonEngine), (2, TorchEngine)):
            weights = {last: {name: array.copy() for name, array in before.parameters(last).items()}}
            after = Pack(engine, specs_of(name), time_machine, torch.float64, weights)
            assert after.engine.optimizer_state(last) == {}
            after.engine.restore_optimizer(last, before.engine.optimizer_state(last))
            after.step(step, [last])
            before = after
        first.step(1, [last])
        first.step(2, [last])
        assert_close(after.parameters(last), first.parameters(last))
        assert_close(after.engine.optimizer_state(last), first.engine.optimizer_state(last))


def test_a_member_has_the_same_bits_alone(time_machine: str) -> None:
    specs = specs_of("gru before, one-hot, sgd")
    together = Pack(TritonEngine, specs, time_machine, torch.float32)
    alone = Pack(TritonEngine, specs[:1], time_machine, torch.float32)
    for step in range(STEPS):
        assert together.step(step, [0, 1])[0] == alone.step(step, [0])[0]
    found, expected = together.parameters(0), alone.parameters(0)
    assert [name for name in found if not np.array_equal(found[name], expected[name])] == []


def test_models_of_different_shape_are_no_pack(time_machine: str) -> None:
    small, large = (spec_of({"cell": {"kind": "rnn", "hidden": hidden}}, num_steps=4) for hidden in (2, 3))
    with pytest.raises(ValueError, match="same spec"):
        Pack(TritonEngine, [small, large], time_machine, torch.float32)


def test_what_keeps_it_from_running_has_a_name() -> None:
    obstacle = TritonEngine.obstacle("cpu", "fp32")
    assert obstacle is not None
    assert "NVIDIA GPU" in obstacle
    assert (TritonEngine.obstacle("cuda", "fp32") is None) == torch.cuda.is_available()


def test_where_a_kernel_cannot_be_compiled_pytorch_trains_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the interpreter instead of a GPU's compiler."""
    there = triton.why_not
    monkeypatch.setattr(triton, "why_not", lambda cell, hidden, precision, _: there(cell, hidden, precision, "cpu"))
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    write = generate
    monkeypatch.setattr(code, "generate", lambda layout: write(layout).replace("functions.cos(", "functions.none("))
    good, bad = (
        EquationsSpec(kind="equations", hidden=3, equations=f"h' = {function}(W @ x + U @ h)")
        for function in ("tanh", "cos")
    )
    assert choose_engine("cuda", cell=good) == "triton"
    with capture_logs() as logs:
        assert [choose_engine("cuda", cell=bad) for _ in range(2)] == ["torch", "torch"]
    [detail, entry] = logs
    assert detail["event"] == "Triton cannot run the kernels of a cell"
    assert entry["event"] == "PyTorch trains, since the faster engine cannot be used"
    assert "functions" in entry["reason"]
    with pytest.raises(InvalidInput, match="GATELAB_ENGINE: is triton, but Triton cannot run the kernels of the cell"):
        choose_engine("cuda", "triton", cell=bad)


def test_who_has_no_gpu_does_not_import_triton() -> None:
    code = """
import sys
import gatelab.training
from gatelab.training.engines.triton_engine import TritonEngine
TritonEngine.obstacle("cpu", "fp32")
print([name for name in sys.modules if name.split(".")[0] == "triton" or name.startswith("gatelab.scan.triton")])
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
