"""Generation with options around the cells: every decoder, sessions, and exports."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

from gatelab.checkpoint import Checkpoint, Position
from gatelab.export import script, weights
from gatelab.export.step import step_program
from gatelab.generation import build_decoder, score, stream_of
from gatelab.generation.decoders import Decoder, NativeDecoder, ReferenceDecoder
from gatelab.generation.sessions import Session
from gatelab.model import LanguageModel, array_of
from gatelab.model import model_of as torch_model
from gatelab.network import Network
from gatelab.scan.native import Unavailable
from gatelab.specs import CellSpec, RunSpec, Sampling, parse
from gatelab.specs.engine_support import lacking
from tests.export.checkpoints import LETTERS, checkpoint_of
from tests.generation.decisive_tokens import clear_tokens
from tests.layers.field_models import CELLS, FIELDS
from tests.rounding import assert_rounded, terms_of

each_field = pytest.mark.parametrize("name", FIELDS)


def saved(name: str, seed: int, cell: CellSpec = CELLS[0]) -> Checkpoint:
    """A checkpoint with random numbers, even for parameters that begin as 0 or 1."""
    fields = {"layers": 1, **FIELDS[name]}
    if "sizes" in fields:
        cell = cell.model_copy(update={"hidden": fields["sizes"][-1]})
        del fields["layers"]
    elif "input" in fields:
        fields["input"] = {"embedding": 9}
    made = checkpoint_of(cell, LETTERS, seed, **fields) if "sizes" not in fields else _sized(cell, seed, fields)
    random = np.random.default_rng(seed)
    for parameter, values in made.weights.items():
        if parameter.partition(".")[0] in ("norms", "highways", "initial"):
            values += random.normal(0, 0.3, values.shape).astype(np.float32)
    return made


def _sized(cell: CellSpec, seed: int, fields: dict[str, Any]) -> Checkpoint:
    """`checkpoint_of` has nine units."""
    spec = parse(RunSpec, {"corpus": "x", "model": {"cell": cell.model_dump(), "init": {"normal": 0.4}, **fields}})
    model = LanguageModel(spec.model, LETTERS.vocabulary)
    model.initialize(seed)
    values = {name: array_of(value) for name, value in model.state_dict().items()}
    return Checkpoint(spec, LETTERS, Position(step=7), values)


@each_field
def test_the_native_decoder_takes_what_it_has_code_for(name: str, seed: int) -> None:
    network = Network.of(saved(name, seed))
    missing = lacking("decoder", network.spec)
    decoder = build_decoder(network)
    assert isinstance(decoder, ReferenceDecoder if missing else NativeDecoder)
    if missing:
        with pytest.raises(Unavailable, match="the native decoder has no") as told:
            NativeDecoder(network)
        assert all(field in str(told.value) for field in missing)


@each_field
def test_what_is_written_is_what_reading_predicts(name: str, seed: int) -> None:
    """Token by token from the initial state, and at once; alone, and with other texts."""
    network = Network.of(saved(name, seed))
    decoder, terms = build_decoder(network), terms_of(torch_model(saved(name, seed)), 20)
    ids = LETTERS.encode("it has a").ids
    how = Sampling(max_tokens=12, temperature=0)
    stream = stream_of(decoder, ids, how)
    [alone] = decoder.decode([stream], 12, logits=True)
    beside = [stream_of(decoder, LETTERS.encode(text).ids, how) for text in ("no", "it has a", "q")]
    together = decoder.decode(beside, 12, logits=True)[1]
    assert alone.ids.tolist()[:1] == together.ids.tolist()[:1]
    text = np.concatenate([[1], ids, alone.ids]).astype(np.int64)
    outputs, _ = network.double().read(text[:, None], network.double().initial_state(1))
    logits = network.double().logits(outputs[:, 0])[len(ids) : -1]
    assert alone.logits is not None
    assert_rounded(alone.logits, logits, terms=terms, scale=4, dtype=torch.float32)


@each_field
def test_a_score_is_that_of_the_model(name: str, seed: int) -> None:
    checkpoint = saved(name, seed)
    text, model = LETTERS.encode("what it has"), torch_model(checkpoint).double()
    found = score(build_decoder(Network.of(checkpoint)), text)
    ids = torch.from_numpy(np.concatenate([[1], text.ids]))
    with torch.no_grad():
        logits, _ = model(ids[:-1, None], model.initial_state(1))
    expected = torch.log_softmax(logits[:, 0], -1)[torch.arange(len(text.ids)), ids[1:]]
    terms = terms_of(torch_model(checkpoint), len(ids))
    assert_rounded(found.log_probabilities, expected.numpy(), terms=terms, scale=4, dtype=torch.float32)


@each_field
def test_a_session_goes_on_where_the_text_was(name: str, seed: int) -> None:
    decoder: Decoder = build_decoder(Network.of(saved(name, seed)))
    session = Session.begin(decoder, "run", 7).after(decoder, LETTERS.encode("it").ids)
    assert session.fits(decoder)
    assert session.sound
    again = session.after(decoder, LETTERS.encode(" has").ids)
    whole = Session.begin(decoder, "run", 7).after(decoder, LETTERS.encode("it has").ids)
    assert np.allclose(again.state, whole.state, atol=1e-5)


@each_field
def test_checkpoints_keep_everything(name: str, seed: int) -> None:
    made = saved(name, seed)
    read = Checkpoint.from_bytes(made.to_bytes())
    assert read.spec == made.spec
    assert read.weights_sha256() == made.weights_sha256()
    read.check_weights()


# -- Exports ------------------------------------------------------------------------------------------------------


@each_field
def test_the_program_writes_what_the_model_writes(
    name: str, tmp_path: Path, random: np.random.Generator, seed: int
) -> None:
    cell = CELLS[2 * int(random.integers(2))]
    checkpoint = saved(name, seed, cell)
    (tmp_path / "generate.py").write_text(script(checkpoint.spec.model, checkpoint.tokenizer))
    (tmp_path / "model.safetensors").write_bytes(weights(checkpoint))
    command = [sys.executable, "-P", "-W", "error", "generate.py", "model.safetensors", "it has", "20"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    ids = LETTERS.encode("it has").ids
    terms = terms_of(torch_model(checkpoint), len(ids) + 20)
    sampling = Sampling(max_tokens=20, temperature=0)
    clear = clear_tokens(ReferenceDecoder(Network.of(checkpoint)), ids, sampling, terms)
    assert len(done.stdout.decode().removesuffix("\n")) == 20
    assert done.stdout.decode().startswith(LETTERS.decode(clear.tolist()))


WARNINGS = ("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")


@pytest.mark.filterwarnings(*WARNINGS)
@pytest.mark.parametrize(
    ("format", "name"),
    [
        ("onnx", "highway, all"),
        *(pytest.param("torch", name, marks=pytest.mark.long) for name in FIELDS),
    ],
)
def test_the_exported_step_is_the_model_s(format: Any, name: str, seed: int, random: np.random.Generator) -> None:
    checkpoint = saved(name, seed)
    network = Network.of(checkpoint)
    file, decoder = step_program(checkpoint, format), ReferenceDecoder(network)
    state = decoder.initial_state()[:, :, None]
    tokens = random.integers(2, LETTERS.vocabulary, 4)
    expected = network.double().logits(network.double().read(tokens[:, None], network.double().initial_state(1))[0])
    for token, logits in zip(tokens, expected[:, 0], strict=True):
        if format == "onnx":
            session = onnxruntime.InferenceSession(file)
            found, state = session.run(["logits", "next_state"], {"tokens": token[None], "state": state})
        else:
            given = torch.from_numpy(token[None]), torch.from_numpy(np.ascontiguousarray(state))
            outputs = torch.export.load(io.BytesIO(file)).module()(*given)
            found, state = (each.numpy() for each in outputs)
        assert_rounded(found[0], logits, terms=terms_of(torch_model(checkpoint), 4), scale=4, dtype=torch.float32)


def test_a_learned_state_is_told_with_the_weights(seed: int) -> None:
    checkpoint = saved("learned", seed)
    data = weights(checkpoint)
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    told = json.loads(header["__metadata__"]["gatelab"])
    assert np.array_equal(np.array(told["initial_state"][1][0], np.float32), checkpoint.weights["initial.1.0"])
