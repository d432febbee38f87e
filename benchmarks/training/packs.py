"""How much faster several small models train in one call of the native engine, and how many Gatelab would pack."""

from collections.abc import Iterable, Iterator, Sequence

import torch

from benchmarks import tables
from benchmarks.interleaving import (
    Gauge,
    in_turn,
    median_ratio,
    seconds_per_call,
)
from benchmarks.training.contestants import LR, NATIVE, member_of
from benchmarks.training.shapes import SIZES, VOCABULARY, Shape, random_model, random_windows
from gatelab.specs import GruSpec, RunSpec, SgdSpec, TrainingSpec
from gatelab.training import pack_size
from gatelab.training.engines import Reading, build_engine
from gatelab.training.pack_planning import flops

CELL = GruSpec(kind="gru")
SHAPES = tuple(map(Shape.parse, ("8/1/32", "8/8/32", "16/16/32", "32/16/32", "32/64/32", "64/64/32", "32/256/32")))
MEMBERS = (1, 2, 4, 8, 16, 32)


def show(shapes: Iterable[Shape], threads: int, rounds: int, seconds: float) -> None:
    """Print a row per shape: how many times the tokens per second of one model alone a pack reaches."""
    header = [SIZES, "operations of a step", "taken", *(f"{n} together" for n in MEMBERS[1:])]
    tables.show(header, _rows(shapes, threads, rounds, seconds))


def _rows(shapes: Iterable[Shape], threads: int, rounds: int, seconds: float) -> Iterator[list[object]]:
    for shape in shapes:
        spec = _spec(shape)
        measured = in_turn({n: _gauge(spec, shape, n, seconds) for n in MEMBERS}, rounds)
        taken = pack_size(spec, VOCABULARY, NATIVE, threads=threads, memory=0)
        gains: Sequence[str] = [tables.times(median_ratio(measured[n], measured[1])) for n in MEMBERS[1:]]
        yield [shape, f"{flops(spec, VOCABULARY) / 1e6:.1f} M", taken, *gains]


def _spec(shape: Shape) -> RunSpec:
    model = {"cell": CELL.model_copy(update={"hidden": shape.hidden}), "layers": shape.layers}
    sgd = SgdSpec(kind="sgd", lr=LR)
    training = TrainingSpec(num_steps=shape.steps, batch_size=shape.batch, optimizer=sgd)
    return RunSpec.model_validate({"corpus": "random", "model": model, "training": training})


def _gauge(spec: RunSpec, shape: Shape, members: int, seconds: float) -> Gauge:
    """Measures the tokens per second of `members` models together."""
    models = [random_model(CELL, shape, seed) for seed in range(members)]
    engine = build_engine([member_of(model, spec.training) for model in models], "cpu", NATIVE, torch.get_num_threads())
    windows = [random_windows(shape, seed) for seed in range(members)]
    batches = [list(w.in_order()) for w in windows]
    everyone = list(range(members))

    def step() -> None:
        engine.differentiate({m: Reading(windows[m], batches[m][0]) for m in everyone})
        engine.update(everyone)

    return lambda: members * shape.tokens / seconds_per_call(step, seconds)
