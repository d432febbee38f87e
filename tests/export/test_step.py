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

from gatelab.export import GraphFormat, step_program
from gatelab.specs import CellSpec, GruSpec
from gatelab.text.tokenizers import SPECIALS
from tests.export.checkpoints import LETTERS, checkpoint_of
from tests.randomized import CELLS, cell_name, random, seed

__all__ = ["random", "seed"]

pytestmark = [
    # Of the tracers about themselves.
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


def check_rounded(found: Floats, expected: Floats) -> None:
    """Equal to single precision. A relu lets numbers grow large, of which small ones are sums that cancel out."""
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 + 1e-6 * float(np.abs(expected).max()))


@pytest.mark.parametrize("format", ["onnx", "torch"])
@pytest.mark.parametrize("cell", CELLS, ids=cell_name)
def test_steps_are_the_models(cell: CellSpec, format: GraphFormat, seed: int, random: np.random.Generator) -> None:
    checkpoint = checkpoint_of(cell, LETTERS, seed, layers=2)
    run, model = runtime_of(format, step_program(checkpoint, format)), checkpoint.model()
    for batch in (1, 3, 17):
        ids = random.integers(0, LETTERS.vocabulary, (4, batch))
        tensors = len(model.initial_state(1)[0])
        state = random.normal(size=(2, tensors, batch, 9)).astype(np.float32)
        with torch.no_grad():
            expected, end = model(torch.from_numpy(ids), tuple(tuple(torch.from_numpy(layer)) for layer in state))
        for step, tokens in enumerate(ids):
            logits, state = run(tokens, state)
            check_rounded(logits, expected[step].numpy())
        end = torch.stack([torch.stack(layer) for layer in end]).numpy()
        check_rounded(state, end)


def test_an_embedding_is_part_of_it(seed: int) -> None:
    checkpoint = checkpoint_of(GruSpec(kind="gru"), LETTERS, seed, input={"embedding": 4})
    model, state = checkpoint.model(), np.zeros((1, 1, 2, 9), np.float32)
    logits, _ = runtime_of("onnx", step_program(checkpoint, "onnx"))(np.array([1, 5]), state)
    with torch.no_grad():
        expected = model(torch.tensor([[1, 5]]), model.initial_state(2))[0][0].numpy()
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)


def test_it_says_what_it_belongs_to(seed: int) -> None:
    checkpoint = checkpoint_of(GruSpec(kind="gru"), LETTERS, seed)
    session = onnxruntime.InferenceSession(step_program(checkpoint, "onnx"))
    archive = {"gatelab": ""}
    torch.export.load(io.BytesIO(step_program(checkpoint, "torch")), extra_files=archive)
    for text in (session.get_modelmeta().custom_metadata_map["gatelab"], archive["gatelab"]):
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
