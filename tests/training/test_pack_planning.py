"""How many runs are trained together."""

from typing import Any

import pytest

from gatelab.specs import ModelSpec, RunSpec, parse
from gatelab.training import pack_size
from gatelab.training.pack_planning import FLOPS_PER_THREAD, flops

VOCABULARY = 30
GIGABYTE = 2**30


def spec_of(hidden: int = 32, **training: Any) -> RunSpec:
    return parse(RunSpec, {"corpus": "x", "model": {"cell": {"kind": "gru", "hidden": hidden}}, "training": training})


BOOK = spec_of(num_steps=32, batch_size=1024, windows={"stride": 1, "train": 10_000, "validation": 5000})


def on_cpu(spec: RunSpec, threads: int = 2) -> int:
    return pack_size(spec, VOCABULARY, "native", threads=threads, memory=0)


def test_a_step_that_keeps_the_threads_at_work_is_taken_alone() -> None:
    assert on_cpu(BOOK) == 1
    assert on_cpu(spec_of(hidden=512, batch_size=64)) == 1


@pytest.mark.parametrize("threads", [1, 2, 16])
@pytest.mark.parametrize("batch_size", [1, 8, 64])
def test_small_steps_are_taken_together_until_there_is_enough_to_do(batch_size: int, threads: int) -> None:
    spec = spec_of(hidden=8, batch_size=batch_size)
    together, enough = on_cpu(spec, threads), threads * FLOPS_PER_THREAD
    assert together > 1
    assert (together - 1) * flops(spec, VOCABULARY) < enough <= together * flops(spec, VOCABULARY)


def test_a_batch_has_no_more_windows_than_there_are() -> None:
    few: dict[str, Any] = {"windows": {"train": 10, "validation": 5}}
    assert flops(spec_of(batch_size=1024, **few), VOCABULARY) == flops(spec_of(batch_size=10, **few), VOCABULARY)


def test_flops_are_six_for_each_weight_and_token() -> None:
    spec = parse(RunSpec, {"corpus": "x", "model": {"cell": {"kind": "rnn", "hidden": 3}}})
    weights = VOCABULARY * 3 + 3 * 3 + 3 + 3 * VOCABULARY + VOCABULARY
    assert flops(spec, VOCABULARY) == 6 * 64 * 32 * weights


def test_pytorch_gains_nothing_by_packs() -> None:
    assert pack_size(spec_of(hidden=1, batch_size=1), VOCABULARY, "torch", threads=16, memory=80 * GIGABYTE) == 1


def test_the_memory_of_a_gpu_is_the_bound() -> None:
    sizes = [pack_size(BOOK, VOCABULARY, "triton", threads=1, memory=gigabytes * GIGABYTE) for gigabytes in (0, 8, 80)]
    assert sizes[0] == 1 < sizes[1] < sizes[2]
    assert sizes[2] == pytest.approx(10 * sizes[1], rel=0.1)
    large = spec_of(hidden=4096, batch_size=1024)
    assert pack_size(large, VOCABULARY, "triton", threads=1, memory=8 * GIGABYTE) == 1


def test_a_cell_that_keeps_more_has_smaller_packs() -> None:
    def size(kind: str) -> int:
        spec = BOOK.model_copy(update={"model": parse(ModelSpec, {"cell": {"kind": kind, "hidden": 32}})})
        return pack_size(spec, VOCABULARY, "triton", threads=1, memory=80 * GIGABYTE)

    assert size("rnn") > size("gru") > size("lstm") > size("slstm")
