"""Checkpoints restore everything, and invalid bytes do no harm."""

import hashlib
import io
import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import load, save
from safetensors.torch import save as save_by_torch

from gatelab.architecture import parameter_count, parameter_shapes
from gatelab.checkpoint import FORMAT, METADATA, Array, Checkpoint, Position
from gatelab.errors import CorruptCheckpoint
from gatelab.model import LanguageModel, array_of, model_of
from gatelab.specs import CellSpec, LstmSpec, RunSpec, parse
from gatelab.text.tokenizers import ByteTokenizer, CharTokenizer, Tokenizer
from tests.randomized import CELLS, cell_name, examples, random, seed

__all__ = ["random", "seed"]

LSTM = LstmSpec(kind="lstm")


def checkpoint_of(cell: CellSpec, random: np.random.Generator, tokenizer: Tokenizer | None = None) -> Checkpoint:
    """A checkpoint with a value in every field."""
    tokenizer = tokenizer or CharTokenizer(" abcé🙂", "none")
    model = {"cell": cell.model_copy(update={"hidden": 3}).model_dump(), "layers": 2, "input": {"embedding": 4}}
    spec = parse(RunSpec, {"corpus": "x", "model": model, "training": {"carry_state": True}})
    language_model = LanguageModel(spec.model, tokenizer.vocabulary)
    language_model.initialize(int(random.integers(2**32)))
    weights = {name: array_of(value) for name, value in language_model.state_dict().items()}
    optimizer: dict[str, Array] = {f"{i}.step": np.array(i, np.float32) for i in range(3)}
    optimizer |= {f"{i}.exp_avg": drawn(random, *value.shape) for i, value in enumerate(weights.values())}
    carried = tuple(tuple(drawn(random, *t.shape) for t in state) for state in language_model.initial_state(5))
    step, epoch, batch, tokens, epoch_tokens = (int(n) for n in random.integers(1, 2**40, size=5))
    position = Position(
        step, epoch, batch, tokens, random.random(), epoch_tokens, seconds=1 / 3, training_seconds=2e-300
    )
    return Checkpoint(spec, tokenizer, position, weights, optimizer, carried)


def drawn(random: np.random.Generator, *shape: int) -> Array:
    return np.asarray(random.normal(size=shape), np.float32)


@pytest.fixture
def checkpoint(random: np.random.Generator) -> Checkpoint:
    return checkpoint_of(LSTM, random)


def same(a: Checkpoint, b: Checkpoint) -> bool:
    """Whether two checkpoints are equal in every bit."""
    if (a.spec, a.tokenizer, a.position) != (b.spec, b.tokenizer, b.position):
        return False
    return all(
        mine.keys() == theirs.keys() and all(identical(mine[name], theirs[name]) for name in mine)
        for mine, theirs in ((a.weights, b.weights), (a.optimizer, b.optimizer), (carried(a), carried(b)))
    )


def carried(checkpoint: Checkpoint) -> dict[str, Array]:
    return {f"{i}.{j}": t for i, state in enumerate(checkpoint.carried) for j, t in enumerate(state)}


def identical(a: Array, b: Array) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


# -- Everything comes back ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("tokenizer", [CharTokenizer("abé🙂", "letters"), CharTokenizer("", "none"), ByteTokenizer()])
@pytest.mark.parametrize("cell", CELLS, ids=cell_name)
def test_everything_comes_back(cell: CellSpec, tokenizer: Tokenizer, random: np.random.Generator) -> None:
    checkpoint = checkpoint_of(cell, random, tokenizer)
    again = Checkpoint.from_bytes(checkpoint.to_bytes())
    assert same(again, checkpoint)
    assert [len(state) for state in again.carried] == [len(state) for state in checkpoint.carried]


def test_what_only_training_needs_can_be_left_out(checkpoint: Checkpoint) -> None:
    assert checkpoint.optimizer
    assert checkpoint.carried
    found = Checkpoint.from_bytes(checkpoint.to_bytes(), to_train=False)
    assert same(found, replace(checkpoint, carried=(), optimizer={}))


def test_nothing_carried_comes_back_as_nothing(checkpoint: Checkpoint) -> None:
    bare = replace(checkpoint, carried=(), optimizer={})
    assert same(Checkpoint.from_bytes(bare.to_bytes()), bare)


ODD = [np.zeros(0), np.array(7), np.arange(12.0).reshape(4, 3).T, np.array([np.inf], np.float32), np.zeros((0, 3))]


@pytest.mark.parametrize("value", ODD)
def test_arrays_of_any_kind_come_back(value: Array, checkpoint: Checkpoint) -> None:
    odd = replace(checkpoint, optimizer={"0.odd": value})
    assert same(Checkpoint.from_bytes(odd.to_bytes()), odd)


def test_many_layers_come_back_in_their_order(checkpoint: Checkpoint) -> None:
    deep = replace(checkpoint, carried=tuple((np.array([float(i)]), np.array([-1.0])) for i in range(12)))
    assert same(Checkpoint.from_bytes(deep.to_bytes()), deep)


def test_the_model_has_the_weights(checkpoint: Checkpoint) -> None:
    model = model_of(checkpoint)
    assert all(identical(value.numpy(), checkpoint.weights[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("cell", CELLS, ids=cell_name)
def test_the_architecture_is_known_without_the_model(cell: CellSpec, random: np.random.Generator) -> None:
    checkpoint = checkpoint_of(cell, random)
    for architecture in (checkpoint.spec.model, checkpoint.spec.model.model_copy(update={"input": "one_hot"})):
        model = LanguageModel(architecture, 7)
        named = [(name, tuple(parameter.shape)) for name, parameter in model.named_parameters()]
        assert list(parameter_shapes(architecture, 7).items()) == named
        assert parameter_count(architecture, 7) == model.parameter_count()


def test_the_bytes_are_those_that_pytorch_wrote(checkpoint: Checkpoint) -> None:
    """Earlier versions, whose checkpoints held PyTorch tensors, wrote the same file with the same digest."""
    named = {f"weights.{name}": value for name, value in checkpoint.weights.items()}
    named |= {f"optimizer.{name}": value for name, value in checkpoint.optimizer.items()}
    named |= {f"carried.{name}": value for name, value in carried(checkpoint).items()}
    tensors = {name: torch.from_numpy(value) for name, value in named.items()}
    written = checkpoint.to_bytes()
    header = json.loads(written[8 : 8 + int.from_bytes(written[:8], "little")])
    assert save_by_torch(tensors, header["__metadata__"]) == written


def test_the_digest_is_the_one_that_was_published() -> None:
    spec = parse(RunSpec, {"corpus": "x"})
    weights = {"b": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.zeros((), np.float32)}
    made = Checkpoint(spec, ByteTokenizer(), Position(), weights)
    text = b"a torch.float32 ()\n" + bytes(4) + b"b torch.float32 (2, 3)\n" + weights["b"].tobytes()
    assert made.weights_sha256() == hashlib.sha256(text).hexdigest()


def test_any_safetensors_reader_can_read_it(checkpoint: Checkpoint, tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    path.write_bytes(checkpoint.to_bytes())
    with safe_open(path, framework="np") as file:
        document = json.loads(file.metadata()[METADATA])
        found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dictionary
    assert document["format"] == FORMAT
    assert parse(RunSpec, document["spec"]) == checkpoint.spec
    for name, value in checkpoint.weights.items():
        np.testing.assert_array_equal(found[f"weights.{name}"], value)


# -- Invalid checkpoints ----------------------------------------------------------------------------------------


def opened(data: bytes) -> Checkpoint | None:
    """The checkpoint that is read from `data`; None if it is refused. Any other error is a fault."""
    try:
        return Checkpoint.from_bytes(data)
    except CorruptCheckpoint:
        return None


WHOLE = checkpoint_of(LSTM, np.random.default_rng(0)).to_bytes()
HEADER = 8 + int.from_bytes(WHOLE[:8], "little")


@examples(300)
@given(data=st.binary(max_size=200))
def test_other_bytes_are_refused(data: bytes) -> None:
    assert opened(data) is None


@examples(300)
@given(end=st.integers(0, len(WHOLE) - 1))
def test_a_checkpoint_that_is_cut_off_is_refused(end: int) -> None:
    assert opened(WHOLE[:end]) is None


@examples(100)
@given(more=st.binary(min_size=1, max_size=20))
def test_a_checkpoint_with_more_behind_it_is_refused(more: bytes) -> None:
    assert opened(WHOLE + more) is None


@examples(500)
@given(at=st.integers(0, HEADER - 1), put=st.binary(min_size=1, max_size=4) | st.sampled_from([b'"', b"[]", b"null"]))
def test_a_damaged_header_is_refused_or_read(at: int, put: bytes) -> None:
    opened(WHOLE[:at] + put + WHOLE[at + len(put) :])


@examples(100)
@given(at=st.integers(HEADER, len(WHOLE) - 1), bit=st.integers(0, 7))
def test_damaged_numbers_do_not_pass_for_the_right_ones(at: int, bit: int) -> None:
    damaged = bytearray(WHOLE)
    damaged[at] ^= 1 << bit
    found = opened(bytes(damaged))
    assert found is not None
    assert not same(found, Checkpoint.from_bytes(WHOLE))


NEVER_RIGHT: list[object] = [None, 3, "x", [], [1], {"kind": "bpe"}, {"corpus": 3}, {"step": "x"}, {"step": None}]


@pytest.mark.parametrize("field", ["spec", "tokenizer", "position"])
@pytest.mark.parametrize("value", NEVER_RIGHT, ids=repr)
def test_metadata_of_another_shape_is_refused(field: str, value: object) -> None:
    assert opened(with_metadata(json.dumps(DOCUMENT | {field: value}))) is None


DOCUMENT = json.loads(json.loads(WHOLE[8:HEADER])["__metadata__"][METADATA])


def with_metadata(document: str) -> bytes:
    """The whole checkpoint with another document in its metadata."""
    return save(load(WHOLE), {METADATA: document})


@pytest.mark.parametrize("field", ["format", "spec", "tokenizer", "position"])
def test_missing_metadata_is_refused(field: str) -> None:
    less = {name: value for name, value in DOCUMENT.items() if name != field}
    assert opened(with_metadata(json.dumps(less))) is None


@pytest.mark.parametrize("document", ["", "{", "\0", "[" * 100_000, "[]", "null"], ids=len)
def test_senseless_metadata_is_refused(document: str) -> None:
    assert opened(with_metadata(document)) is None


def test_equal_checkpoints_have_equal_bytes(checkpoint: Checkpoint) -> None:
    assert len({checkpoint.to_bytes() for _ in range(20)}) == 1


def test_the_digest_of_the_weights_tells_models_apart(checkpoint: Checkpoint) -> None:
    digest = checkpoint.weights_sha256()
    assert Checkpoint.from_bytes(checkpoint.to_bytes()).weights_sha256() == digest
    assert replace(checkpoint, position=Position(step=7), optimizer={}).weights_sha256() == digest
    name, value = next(iter(checkpoint.weights.items()))
    other = value.copy()
    other.reshape(-1)[0] += 1
    assert replace(checkpoint, weights={**checkpoint.weights, name: other}).weights_sha256() != digest
    renamed = {("x" if key == name else key): tensor for key, tensor in checkpoint.weights.items()}
    assert replace(checkpoint, weights=renamed).weights_sha256() != digest


@pytest.mark.parametrize("metadata", [b"", b',"__metadata__":null', b',"__metadata__":{}'])
def test_a_file_without_metadata_is_refused(metadata: bytes) -> None:
    header = b'{"weights.a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}' + metadata + b"}"
    assert opened(len(header).to_bytes(8, "little") + header + bytes(4)) is None


def test_a_later_format_is_refused_by_name() -> None:
    with pytest.raises(CorruptCheckpoint, match="gatelab-checkpoint-99"):
        Checkpoint.from_bytes(with_metadata(json.dumps(DOCUMENT | {"format": "gatelab-checkpoint-99"})))


@pytest.mark.parametrize("name", ["carried.x.y", "carried.", "carried.0x.1"])
def test_names_of_carried_states_begin_with_the_layer(name: str) -> None:
    metadata = json.loads(WHOLE[8:HEADER])["__metadata__"]
    assert opened(save(load(WHOLE) | {name: np.zeros(1)}, metadata)) is None


# -- Weights of another model -------------------------------------------------------------------------------------

Weights = dict[str, Array]
SPOILS: dict[str, Callable[[Weights], Weights]] = {
    "missing": lambda w: {name: value for name, value in w.items() if name != "bias_head"},
    "unknown": lambda w: w | {"surplus": np.zeros(1, np.float32)},
    "shape": lambda w: w | {"weight_head": w["weight_head"].T},
    "smaller": lambda w: w | {"bias_head": w["bias_head"][:-1]},
    "none": lambda _: {},
    "double": lambda w: w | {"bias_head": w["bias_head"].astype(np.float64)},
}


@pytest.mark.parametrize("spoil", SPOILS.values(), ids=SPOILS.keys())
def test_weights_of_another_model_are_refused(spoil: Callable[[Weights], Weights], checkpoint: Checkpoint) -> None:
    spoiled = replace(checkpoint, weights=spoil(dict(checkpoint.weights)))
    with pytest.raises(CorruptCheckpoint, match="weights"):
        model_of(Checkpoint.from_bytes(spoiled.to_bytes()))


# -- Never pickle -------------------------------------------------------------------------------------------------


class Evil:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_a_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    made = tmp_path / "made"
    by_torch = io.BytesIO()
    torch.save(Evil(made), by_torch)
    for data in (pickle.dumps(Evil(made)), by_torch.getvalue()):
        assert opened(data) is None
    assert not made.exists()


def test_reading_needs_no_pickle(checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    data = checkpoint.to_bytes()

    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("a checkpoint was unpickled")

    for module in (pickle, torch):
        monkeypatch.setattr(module, "load", forbidden)
    monkeypatch.setattr(pickle, "loads", forbidden)
    assert same(Checkpoint.from_bytes(data), checkpoint)
