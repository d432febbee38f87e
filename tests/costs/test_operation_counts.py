"""The operations that are counted from a spec are those that PyTorch executes."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from gatelab.costs import Work, parameters, work
from gatelab.costs.operation_counts import flops_per_token
from gatelab.model import LanguageModel
from gatelab.specs import CellSpec, ModelSpec, RunSpec, parse
from gatelab.text.token_counts import Extent
from gatelab.training.reference import total_loss
from tests.randomized import CELLS, cell_name

VOCABULARY, STEPS, BATCH = 29, 7, 11
INPUTS: list[Any] = ["one_hot", {"embedding": 6}]

every_cell = pytest.mark.parametrize("cell", CELLS, ids=cell_name)
every_input = pytest.mark.parametrize("input", INPUTS, ids=["one_hot", "embedding"])
every_depth = pytest.mark.parametrize("layers", [1, 3])


def model_of(cell: CellSpec, layers: int, input: Any) -> ModelSpec:
    data = {"cell": cell.model_dump() | {"hidden": 13}, "layers": layers, "input": input}
    return parse(ModelSpec, data)


def run_of(model: ModelSpec, **training: Any) -> RunSpec:
    defaults = {"num_steps": STEPS, "batch_size": BATCH, "sample": None, "epochs": 1}
    return parse(RunSpec, {"corpus": "x", "model": model.model_dump(), "training": defaults | training})


def read(model: LanguageModel) -> Tensor:
    """The loss of one batch."""
    ids = torch.arange(STEPS * BATCH).reshape(STEPS, BATCH) % VOCABULARY
    logits, _ = model(ids, model.initial_state(BATCH))
    return total_loss(logits, ids)


@every_cell
@every_depth
@every_input
def test_parameters_are_those_of_the_model(cell: CellSpec, layers: int, input: Any) -> None:
    spec = model_of(cell, layers, input)
    assert parameters(spec, VOCABULARY) == LanguageModel(spec, VOCABULARY).parameter_count()


@every_cell
@every_depth
@every_input
def test_flops_are_those_that_pytorch_counts(cell: CellSpec, layers: int, input: Any) -> None:
    spec = model_of(cell, layers, input)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        read(LanguageModel(spec, VOCABULARY))
    assert counter.get_total_flops() == STEPS * BATCH * flops_per_token(spec, VOCABULARY)


@every_cell
def test_memory_is_near_what_pytorch_keeps_for_the_backward_pass(cell: CellSpec) -> None:
    spec = model_of(cell, 2, {"embedding": 6})
    model = LanguageModel(spec, VOCABULARY)
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        read(model)
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    held = sum(tensor.untyped_storage().nbytes() for at, tensor in kept.items() if at not in weights)
    # So short a text that no evaluation reads more at once than training does.
    windows = {"stride": 1, "train": BATCH, "validation": 1}
    sgd = {"kind": "sgd", "lr": 1}
    found = work(run_of(spec, windows=windows, optimizer=sgd), Extent(200, VOCABULARY))
    activations = found.memory_bytes - 4 * 2 * found.parameters
    assert 0.8 * held < activations < 1.8 * held


def test_an_optimizer_costs_what_it_remembers() -> None:
    def memory(**optimizer: Any) -> int:
        return work(run_of(ModelSpec(), optimizer=optimizer), Extent(500, VOCABULARY)).memory_bytes

    each = 4 * parameters(ModelSpec(), VOCABULARY)
    plain = memory(kind="sgd", lr=1)
    assert memory(kind="sgd", lr=1, momentum=0.9) == plain + each
    assert memory(kind="adam") == memory(kind="adamw") == plain + 2 * each


def test_the_sums_are_over_all_that_is_read() -> None:
    """Two epochs of 10 training windows in 2 batches and 3 validation windows in 1, and 4 test windows in 1."""
    windows = {"stride": 1, "train": 10, "validation": 3, "test": 4}
    spec = run_of(ModelSpec(layers=2), num_steps=5, batch_size=9, epochs=2, windows=windows)
    found = work(spec, Extent(100, VOCABULARY))
    tokens = 2 * (3 * 10 * 5 + 3 * 5) + 4 * 5
    assert found == Work(
        parameters=parameters(spec.model, VOCABULARY),
        memory_bytes=found.memory_bytes,
        scan_steps=2 * (2 * 5 * (3 * 2 + 1) + 5),
        elements=tokens * (2 * 3 * 32 + VOCABULARY),
        flops=tokens * flops_per_token(spec.model, VOCABULARY),
    )


def test_samples_are_read_one_token_at_a_time() -> None:
    with_sample = run_of(ModelSpec(), epochs=3, sample={"prefix": "it has", "characters": 20})
    without = run_of(ModelSpec(), epochs=3)
    extent = Extent(500, VOCABULARY)
    assert work(with_sample, extent).scan_steps == work(without, extent).scan_steps + 3 * 26
