"""The jobs of the acceptance tests, and the expected results of their runs."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from gatelab.checkpoint import Checkpoint
from gatelab.client.api import Gatelab
from gatelab.client.models import Run
from gatelab.specs import JobSpec, parse
from gatelab.sweeps import expand
from gatelab.text import Corpus
from gatelab.training import Evaluated, train
from tests.waiting import eventually

SPEC: dict[str, Any] = {
    "name": "acceptance",
    "corpus": "time-machine",
    "tokenizer": {"kind": "char", "normalize": "letters"},
    "model": {"cell": {"kind": "gru", "hidden": 16}, "init": {"normal": 0.01}},
    "training": {
        "num_steps": 16,
        "batch_size": 256,
        "windows": {"stride": 1, "train": 2000, "validation": 500},
        "optimizer": {"kind": "adam", "lr": 0.01},
        "epochs": 3,
        "sample": {"prefix": "it has", "characters": 20},
    },
    "grid": {"model.cell.gates": [["reset", "update"], []]},
}

INTERRUPTED = SPEC | {"grid": {}, "training": SPEC["training"] | {"epochs": 80}}
INTERRUPTED_STEPS = 80 * 8

DAWDLING = {"GATELAB_SLICE_SECONDS": "0.000001"}
"""A worker that takes one slice per step needs many seconds for a short job, so a test can interrupt it."""


def begin(client: Gatelab, text: str) -> tuple[str, str]:
    """Submit a job whose only run has made some steps and has many left. Returns the ids of both."""
    client.add_corpus("time-machine", text)
    job = client.submit(INTERRUPTED).id
    [run] = client.runs(job=job)
    eventually(lambda: client.run(run.id).step > 0, "the run has begun")
    return job, run.id


def check_it_was_interrupted(client: Gatelab, run: str) -> None:
    assert 0 < client.run(run).step < INTERRUPTED_STEPS, "the end was to come in the middle"


def check_results(client: Gatelab, run: Run, text: str) -> None:
    """Check that the API's results are bitwise identical to those of training the same spec here."""
    spec = expand(parse(JobSpec, client.job(run.job).spec), max_runs=2)[run.index]
    torch.set_num_threads(1)
    expected = [e for e in train(spec, Corpus("time-machine", text)) if isinstance(e, Evaluated)]
    metrics = list(client.metrics(run.id))
    assert [m.epoch for m in metrics] == list(range(1, spec.training.epochs + 1))
    assert [m.train_loss for m in metrics] == [e.train_loss for e in expected]
    assert [m.validation_loss for m in metrics] == [e.validation_loss for e in expected]
    assert [s.text for s in client.samples(run.id)] == [e.sample for e in expected]
    _check_run(run, expected[-1])
    _check_checkpoint(client, run, expected[-1])
    assert spec.training.sample is not None
    _check_generation(client, run, expected[-1], spec.training.sample.characters)


def _check_run(run: Run, last: Evaluated) -> None:
    assert run.metrics.validation_perplexity == pytest.approx(math.exp(last.validation_loss))
    assert run.metrics.bits_per_character == last.bits_per_character
    assert run.sample == f"it has{last.sample}"
    assert run.step == run.total_steps == last.position.step


def _check_checkpoint(client: Gatelab, run: Run, last: Evaluated) -> None:
    newest = list(client.checkpoints(run.id))[-1]
    assert newest.step == run.step
    checkpoint = Checkpoint.from_bytes(client.download_checkpoint(run.id, newest.step))
    for name, weights in last.checkpoint().weights.items():
        assert np.array_equal(checkpoint.weights[name], weights), name


def _check_generation(client: Gatelab, run: Run, last: Evaluated, characters: int) -> None:
    how: dict[str, Any] = {"max_tokens": characters, "temperature": 0, "checkpoint": "latest"}
    generated = client.generate(run.id, "it has", **how)
    assert generated.text == last.sample
    assert (generated.tokens, generated.finish_reason) == (characters, "length")
    assert generated.checkpoint == run.step
    assert "".join(client.stream(run.id, "it has", **how)) == generated.text
