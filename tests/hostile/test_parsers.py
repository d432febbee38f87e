"""Malicious checkpoints and sessions: huge headers, overlaps, wrong types, repeated names, truncation."""

import base64
import hashlib
import hmac
import json
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save as save_numpy
from safetensors.torch import load, save

from gatelab.checkpoint import METADATA, Checkpoint
from gatelab.errors import CorruptCheckpoint, InvalidState
from gatelab.generation import Sealer, Session
from gatelab.specs import GruSpec, LstmSpec
from gatelab.tensor_file import read_metadata
from tests.generation.models import native
from tests.generation.test_decoders import model_of
from tests.test_checkpoint import WHOLE, opened

SIZE = int.from_bytes(WHOLE[:8], "little")
HEADER: dict[str, Any] = json.loads(WHOLE[8 : 8 + SIZE])
DATA = WHOLE[8 + SIZE :]
DOCUMENT = json.loads(HEADER["__metadata__"][METADATA])
FIRST = "weights.bias_head"


def file_of(header: Any, data: bytes = DATA, size: int | None = None) -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(raw) if size is None else size).to_bytes(8, "little") + raw + data


def with_tensor(**changes: Any) -> dict[str, Any]:
    return HEADER | {FIRST: HEADER[FIRST] | changes}


HOSTILE: dict[str, bytes] = {
    "a header longer than the file": file_of(HEADER, size=len(WHOLE)),
    "a header of 2**63 bytes": file_of(HEADER, size=2**63),
    "a header of 2**64 - 1 bytes": file_of(HEADER, size=2**64 - 1),
    "no header": file_of(b"", size=0),
    "a header that is a list": file_of([HEADER]),
    "a header nested too deeply": file_of(b"[" * 100_000),
    "tensors that overlap": file_of(with_tensor(data_offsets=[0, HEADER[FIRST]["data_offsets"][1]])),
    "a tensor behind the end": file_of(with_tensor(data_offsets=[len(DATA), len(DATA) + 4])),
    "a tensor that ends before it begins": file_of(with_tensor(data_offsets=[8, 4])),
    "negative offsets": file_of(with_tensor(data_offsets=[-4, 0])),
    "a hole between tensors": file_of(HEADER, DATA + bytes(4)),
    "more numbers than bytes": file_of(with_tensor(shape=[2**40])),
    "a shape whose product overflows": file_of(with_tensor(shape=[2**32, 2**32, 2**32])),
    "a negative shape": file_of(with_tensor(shape=[-1])),
    "an unknown type": file_of(with_tensor(dtype="OBJECT")),
    "a type of another size": file_of(with_tensor(dtype="F64")),
    "cut off in the header": WHOLE[: 8 + SIZE // 2],
    "cut off in the last number": WHOLE[:-1],
    "the same name twice": file_of(
        b'{"%s":%s,' % (FIRST.encode(), json.dumps(HEADER[FIRST]).encode()) + json.dumps(HEADER).encode()[1:]
    ),
    "metadata twice": file_of(b'{"__metadata__":{"gatelab":"{}"},' + json.dumps(HEADER).encode()[1:]),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_checkpoint_is_refused(data: bytes) -> None:
    assert opened(data) is None


def changed(**changes: Any) -> bytes:
    """The whole checkpoint with another document."""
    return save(load(WHOLE), {METADATA: json.dumps(DOCUMENT | changes)})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("step", -1), ("step", True), ("step", 1.5), ("epoch", 1e300), ("seconds", float("nan")),
        ("seconds", float("inf")), ("epoch_loss", -1.0), ("tokens", "7"), ("batch", None),
    ],
)  # fmt: skip
def test_a_position_that_cannot_be_is_refused(field: str, value: object) -> None:
    assert opened(changed(position=DOCUMENT["position"] | {field: value})) is None


def test_a_document_with_a_name_twice_is_refused() -> None:
    twice = '{"format":"other",' + json.dumps(DOCUMENT)[1:]
    assert opened(save(load(WHOLE), {METADATA: twice})) is None


@pytest.mark.parametrize("name", ["1000000000.0", "99999999999999999999.0", "-1.0", "0.0.0", "1_0.0", "٣.0", "0.00"])
def test_a_name_cannot_ask_for_a_billion_layers(name: str) -> None:
    assert opened(save(load(WHOLE) | {f"carried.{name}": torch.zeros(1)}, HEADER["__metadata__"])) is None


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.bool])
def test_weights_of_another_type_are_refused(dtype: torch.dtype) -> None:
    tensors = load(WHOLE)
    data = save(tensors | {FIRST: tensors[FIRST].to(dtype)}, HEADER["__metadata__"])
    with pytest.raises(CorruptCheckpoint, match=r"not in single precision|BF16"):
        Checkpoint.from_bytes(data).check_weights()


# -- Sessions, signed with the right key --------------------------------------------------------------------------

KEY = b"key"
STATE = np.zeros((1, 1, 4), np.float32)
FACTS = json.dumps(["run-1", 7, 5])


def signed(data: bytes) -> str:
    return base64.urlsafe_b64encode(hmac.new(KEY, data, hashlib.sha256).digest() + data).decode()


def token(state: Any = STATE, facts: str = FACTS, **tensors: Any) -> str:
    return signed(save_numpy({"state": state, **tensors}, metadata={"session": facts}))


def test_a_right_one_is_opened() -> None:
    assert Sealer(KEY).open(token()).token == 5


SIGNED: dict[str, str] = {
    "nothing": signed(b""),
    "no safetensors": signed(b"\0" * 100),
    "a huge header": signed((2**63).to_bytes(8, "little") + b"{}"),
    "nested too deeply": signed((100_000).to_bytes(8, "little") + b"[" * 100_000),
    "no metadata": signed(save_numpy({"state": STATE})),
    "no state": signed(save_numpy({"other": STATE}, metadata={"session": FACTS})),
    "cut off": signed(save_numpy({"state": STATE}, metadata={"session": FACTS})[:-1]),
    "double precision": token(STATE.astype(np.float64)),
    "whole numbers": token(STATE.astype(np.int32)),
    "two dimensions": token(STATE[0]),
    "metadata twice": signed(
        (lambda b: len(b).to_bytes(8, "little") + b)(
            b'{"__metadata__":{"session":"x"},"__metadata__":{"session":"[\\"run-1\\",7,5]"},'
            b'"state":{"dtype":"F32","shape":[1,1,4],"data_offsets":[0,16]}}'
        )
        + bytes(16)
    ),
    **{
        f"facts {facts}": token(facts=facts)
        for facts in ("", "{}", "[]", "null", '["run-1", 7]', "[1, 7, 5]", '["run-1", "7", 5]', '["run-1", 7, true]')
    },
}


@pytest.mark.parametrize("token", SIGNED.values(), ids=SIGNED.keys())
def test_a_signature_alone_makes_no_session(token: str) -> None:
    with pytest.raises(
        InvalidState, match=r"^state: was written by a version of Gatelab with another format of states"
    ):
        Sealer(KEY).open(token)


def test_a_session_fits_its_model_alone() -> None:
    decoder = native(model_of(GruSpec(kind="gru"), 1))
    state = decoder.initial_state()
    assert Session("run-1", 1, state, 1).fits(decoder)
    for other in (state[:0], state[:, :0], state[:, :, :-1], np.concatenate([state, state])):
        assert not Session("run-1", 1, other, 1).fits(decoder)
    for number in (-1, decoder.vocabulary, 2**62):
        assert not Session("run-1", 1, state, number).fits(decoder)
    assert not Session("run-1", 1, state, 1).fits(native(model_of(LstmSpec(kind="lstm"), 1)))


def test_metadata_need_not_be_read_twice_to_be_the_same() -> None:
    assert read_metadata(WHOLE) == HEADER["__metadata__"]
