"""What each option around the cells costs, next to the same model without it, on each engine that supports it."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from benchmarks import tables
from benchmarks.interleaving import Gauge, in_turn, median_ratio, seconds_per_call
from benchmarks.tables import times
from benchmarks.training.contestants import SEED, engines
from benchmarks.training.shapes import SIZES, Shape, random_windows
from gatelab.architecture import parameter_shapes
from gatelab.dropout import Dropout
from gatelab.initial import initial_values
from gatelab.specs import ModelSpec, TrainingSpec
from gatelab.specs.engine_support import lacking
from gatelab.training.engines import EngineName, Member, Reading, build_engine

SHAPES = (Shape(128, 64, 64, 2), Shape(256, 64, 64, 3))

FIELDS: dict[str, dict[str, Any]] = {
    "norm: layer": {"norm": "layer"},
    "connections: residual": {"connections": "residual"},
    "connections: highway": {"connections": "highway"},
    "tied: true": {"tied": True},
    "initial_state: learned": {"initial_state": "learned"},
    "dropout: 0.2": {"dropout": 0.2},
    "dropout: {layers: 0.2, variational: true}": {"dropout": {"layers": 0.2, "variational": True}},
    "dropout: {input: 0.2}": {"dropout": {"input": 0.2}},
    "dropout: {recurrent: 0.2}": {"dropout": {"recurrent": 0.2}},
    "dropout: {zoneout: 0.2}": {"dropout": {"zoneout": 0.2}},
}


def show(shapes: Iterable[Shape], threads: int, rounds: int, seconds: float) -> None:
    """Print a row per option and shape: how many times as long a step takes with it, on each engine.

    `-` means that the engine does not support the option.
    """
    tables.show(["field", SIZES, *engines(), "auto"], _rows(shapes, threads, rounds, seconds))


def _rows(shapes: Iterable[Shape], threads: int, rounds: int, seconds: float) -> Iterator[list[object]]:
    fastest = engines()[0]
    for shape in shapes:
        plain = _model(shape, {})
        for field, fields in FIELDS.items():
            model = _model(shape, fields)
            able = [name for name in engines() if name != "native" or not lacking("native", model)]
            gauges = {("with", name): _gauge(model, shape, name, threads, seconds) for name in able}
            gauges |= {("without", name): _gauge(plain, shape, name, threads, seconds) for name in engines()}
            measured = in_turn(gauges, rounds)
            costs = [
                times(median_ratio(measured["with", name], measured["without", name])) if name in able else "-"
                for name in engines()
            ]
            yield [field, shape, *costs, times(median_ratio(measured["with", able[0]], measured["without", fastest]))]


def _model(shape: Shape, fields: dict[str, Any]) -> ModelSpec:
    cell = {"kind": "gru", "hidden": shape.hidden}
    embedded = {"input": {"embedding": shape.hidden}, "layers": shape.layers}
    return ModelSpec.model_validate({"cell": cell, **embedded, **fields})


def _gauge(model: ModelSpec, shape: Shape, name: EngineName, threads: int, seconds: float) -> Gauge:
    """Measures the seconds of a training step."""
    windows = random_windows(shape, SEED)
    weights = initial_values(model, parameter_shapes(model, shape.vocabulary), SEED)
    training = TrainingSpec(num_steps=shape.steps, batch_size=shape.batch)
    engine = build_engine([Member.starting_with(weights, model, shape.vocabulary, training)], "cpu", name, threads)
    dropout = Dropout(SEED, 1) if model.drops.masks else None

    def step() -> None:
        engine.differentiate({0: Reading(windows, np.arange(shape.batch), None, dropout)})
        engine.update([0])

    return lambda: seconds_per_call(step, seconds)
