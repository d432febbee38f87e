"""The exported step is the model's step, for other runtimes."""

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

from gatelab.checkpoint import Checkpoint
from gatelab.equations.zoo import zoo
from gatelab.export.step import GraphFormat, step_program
from gatelab.model import model_of
from gatelab.specs import CellSpec, EquationsSpec, GruSpec, LstmSpec, RnnSpec
from gatelab.text.tokenizers import SPECIALS
from tests.export.checkpoints import LETTERS, checkpoint_of
from tests.randomized import CELLS, cell_name, random, seed
from tests.rounding import assert_rounded, terms_of

__all__ = ["random", "seed"]

pytestmark = [
    # Warnings of the tracers about themselves.
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning"),
]

Floats = np.ndarray[Any, np.dtype[np.float32]]
Run = Callable[[Any, Floats], tuple[Floats, Floats]]


def runtime_of(format: GraphFormat, file: bytes) -> Run:
    """What a user would write."""
    if format == "onnx":
        session = onnxruntime.InferenceSession(file)
        return lambda tokens, state: tuple(session.run(["logits", "next_state"], {"tokens": tokens, "state": state}))
    module = torch.export.load(io.BytesIO(file)).module()

    def run(tokens: Any, state: Floats) -> tuple[Floats, Floats]:
        logits, after = module(torch.from_numpy(tokens), torch.from_numpy(state))
        return logits.numpy(), after.numpy()

    return run


TRACED: list[CellSpec] = [
    RnnSpec(kind="rnn", activation="relu"),
    *(GruSpec(kind="gru", reset=reset) for reset in ("before", "after")),
    LstmSpec(kind="lstm"),
    EquationsSpec(kind="equations", name="ln_gru", equations=zoo()["ln_gru"].equations),
]
"""A torch archive contains the traced program itself, so every cell is tried with it. ONNX is translated from that
program, operation by operation; these cells together have every operation."""

USUAL = {("torch", "gru-reset-update-after"), ("torch", "slstm"), ("onnx", "lstm")}
"""Tracing takes seconds, so the long tests cover the other cells."""

EXPORTED: list[tuple[GraphFormat, CellSpec]] = [
    *(("torch", cell) for cell in CELLS),
    *(("onnx", cell) for cell in TRACED),
]

EMBEDDED = [GruSpec(kind="gru", reset="after"), RnnSpec(kind="rnn")]
"""Cells that are tried with an embedding; the others read one-hot rows."""


@pytest.mark.parametrize(
    ("format", "cell"),
    [
        pytest.param(format, cell, marks=() if (format, cell_name(cell)) in USUAL else pytest.mark.long)
        for format, cell in EXPORTED
    ],
    ids=lambda each: each if isinstance(each, str) else cell_name(each),
)
def test_steps_are_the_models(format: GraphFormat, cell: CellSpec, seed: int, random: np.random.Generator) -> None:
    checkpoint = checkpoint_of(cell, LETTERS, seed, layers=2, input={"embedding": 4} if cell in EMBEDDED else "one_hot")
    file, model = step_program(checkpoint, format), model_of(checkpoint)
    run = runtime_of(format, file)
    found, expected = [], []
    for batch in (1, 3, 17):
        ids = random.integers(0, LETTERS.vocabulary, (4, batch))
        tensors = len(model.initial_state(1)[0])
        state = random.normal(size=(2, tensors, batch, 9)).astype(np.float32)
        with torch.no_grad():
            whole, end = model(torch.from_numpy(ids), tuple(tuple(torch.from_numpy(layer)) for layer in state))
        expected.append((whole, torch.stack([torch.stack(layer) for layer in end])))
        logits = []
        for tokens in ids:
            after, state = run(tokens, state)
            logits.append(after)
        found.append((np.stack(logits), state))
    assert_rounded(found, expected, terms=terms_of(model, 4))
    check_description(format, file, checkpoint)


def check_description(format: GraphFormat, file: bytes, checkpoint: Checkpoint) -> None:
    """Check that a file names the run and the checkpoint from which it was made."""
    if format == "onnx":
        text = onnxruntime.InferenceSession(file).get_modelmeta().custom_metadata_map["gatelab"]
    else:
        archive = {"gatelab": ""}
        torch.export.load(io.BytesIO(file), extra_files=archive)
        text = archive["gatelab"]
    facts = json.loads(text)
    assert facts["tokenizer"] == LETTERS.to_json()
    assert len(facts["tokenizer"]["characters"]) + SPECIALS == LETTERS.vocabulary
    assert facts["model"] == checkpoint.spec.model.model_dump(mode="json")


def test_nothing_in_the_archive_is_pickled(seed: int) -> None:
    file = step_program(checkpoint_of(GruSpec(kind="gru"), LETTERS, seed), "torch")
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    assert not any(data for name, data in contents.items() if name.endswith((".pt", ".pkl")))
    assert not any(data.startswith(b"PK") for data in contents.values())
