"""The targets: their input, and the results that are allowed.

Any error except for the promised one is a failure.
"""

import base64
import hashlib
import hmac
import io
import json
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from gatelab.checkpoint import Checkpoint
from gatelab.errors import CorruptCheckpoint, DamagedBackup, InvalidRequest, InvalidSpec, InvalidState, Problem
from gatelab.generation import Sealer, Session
from gatelab.specs import (
    ByteTokenizerSpec,
    CharTokenizerSpec,
    GatesRequest,
    GenerateRequest,
    JobSpec,
    RunSpec,
    Spec,
    parse,
)
from gatelab.store.backup import archive
from gatelab.store.backup.manifest import FORMAT, File, Manifest
from gatelab.store.pagination import _decode as read_cursor
from gatelab.store.tables import jobs
from gatelab.sweeps import expand
from gatelab.text import Corpus, Texts
from gatelab.text.token_counts import measure
from gatelab.text.tokenizers import SPECIALS, from_json, train_tokenizer
from tests.randomized import unicode_text
from tests.test_checkpoint import WHOLE


@dataclass(frozen=True)
class Target:
    """A source of inputs, and a check of one input, which raises if a promise is broken."""

    inputs: st.SearchStrategy[Any]
    check: Callable[[Any], None]


def values(leaves: int) -> st.SearchStrategy[Any]:
    """Anything that JSON or YAML can hold, NaN and numbers of any size included."""
    scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    words = st.sampled_from(["gru", "lstm", "rnn", "adam", "sgd", "char", "byte", "letters", "latest", "best", "1e-3"])
    return st.recursive(
        scalars | words | st.sampled_from([2**31, 2**53, 2**63, -1, 1e308, "\0", "\ud800", "\u202e"]),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys | st.text(max_size=8), inner, max_size=5),
        max_leaves=leaves,
    )


SPEC = JobSpec(corpus="x", grid={"training.seed": [1]}).model_dump(mode="json")


def _names(node: Any) -> set[str]:
    if not isinstance(node, dict):
        return set()
    return set(node).union(*map(_names, node.values()))


keys = st.sampled_from(sorted(_names(SPEC) | set(GenerateRequest.model_fields) | set(GatesRequest.model_fields)))


MANY, FEW = values(12), values(4)


# -- Specs


def spoilt_specs() -> st.SearchStrategy[Any]:
    """A valid spec with some values, anywhere, replaced by others."""

    def spoil(node: Any, choose: Callable[..., Any]) -> Any:
        if choose(st.integers(0, 9)) == 0:
            return choose(FEW)
        if isinstance(node, dict):
            return {key: spoil(value, choose) for key, value in node.items()}
        return [spoil(value, choose) for value in node] if isinstance(node, list) else node

    @st.composite
    def spoilt(draw: Callable[..., Any]) -> Any:
        return spoil(SPEC, draw)

    return spoilt()


def _parsed(kind: type[Spec], data: Any) -> tuple[Spec | None, tuple[Problem, ...]]:
    try:
        return parse(kind, data), ()
    except InvalidSpec as error:
        return None, error.problems


def check_spec(data: Any) -> None:
    """The data are refused with their faults, or are a spec that survives JSON and whose grid can be expanded."""
    for kind in (JobSpec, RunSpec, GenerateRequest, GatesRequest):
        spec, faults = _parsed(kind, data)
        if spec is None:
            assert faults
            assert all(problem.message for problem in faults)
            continue
        stored = json.dumps(spec.model_dump(mode="json"), allow_nan=False)
        assert parse(kind, json.loads(stored)) == spec
        if isinstance(spec, JobSpec):
            with suppress(InvalidSpec):
                assert 0 < len(expand(spec, 50)) <= 50


# -- Files


def damaged(whole: bytes) -> st.SearchStrategy[bytes]:
    """`whole` with some bytes changed, removed, doubled or inserted, mostly where lengths and names are."""
    place = st.integers(0, min(len(whole), 3000)) | st.integers(0, len(whole))
    piece = st.binary(max_size=8) | st.sampled_from([b'"', b"{", b"[" * 2000, b"null", b"-1", b"9" * 30, b"\\u0000"])
    edit = st.tuples(st.sampled_from(["put", "change", "cut", "double"]), place, piece, st.integers(1, 200))

    def edited(edits: list[tuple[str, int, bytes, int]]) -> bytes:
        data = whole
        for how, at, more, length in edits:
            match how:
                case "put":
                    data = data[:at] + more + data[at:]
                case "change":
                    data = data[:at] + more + data[at + len(more) :]
                case "cut":
                    data = data[:at] + data[at + length :]
                case "double":
                    data = data[:at] + data[at : at + length] + data[at:]
        return data

    return st.lists(edit, min_size=1, max_size=4).map(edited)


def repaired(data: bytes) -> bytes:
    """Correct the length of the header, so that more than the first check is reached."""
    end = data.rfind(b"}", 0, 20_000) + 1
    return max(0, end - 8).to_bytes(8, "little") + data[8:] if len(data) > 8 else data


def files(whole: bytes) -> st.SearchStrategy[bytes]:
    return st.binary(max_size=300) | damaged(whole) | damaged(whole).map(repaired)


def check_checkpoint(data: bytes) -> None:
    """The bytes are refused, or read; then they can be written and read again."""
    try:
        found = Checkpoint.from_bytes(data)
    except CorruptCheckpoint:
        return
    assert Checkpoint.from_bytes(found.to_bytes()).position == found.position
    assert math.isfinite(found.position.seconds)


KEY = b"a key"
SESSION = Session("run-1", 7, np.arange(12, dtype=np.float32).reshape(2, 1, 6), 5)
SEALED = base64.urlsafe_b64decode(Sealer(KEY).seal(SESSION))


def check_token(data: bytes) -> None:
    """Try it as a made-up token, and as one that is signed with the right key."""
    signed = hmac.new(KEY, data, hashlib.sha256).digest() + data
    for sealed in (data, signed):
        with suppress(InvalidState):
            found = Sealer(KEY).open(base64.urlsafe_b64encode(sealed).decode())
            assert found.sound
    with suppress(InvalidState):
        Sealer(KEY).open(data.decode("utf-8", "replace"))


def check_backup(data: bytes) -> None:
    with suppress(DamagedBackup):
        archive.read_manifest(io.BytesIO(data))


def backup() -> bytes:
    file = File(size=3, sha256=hashlib.sha256(b"abc").hexdigest())
    names = {"gatelab.db": file, "session-key": file}
    manifest = Manifest(
        format=FORMAT, version="0", revision="0001", created_at="2026-01-01T00:00:00+00:00", files=names
    )
    document = manifest.to_bytes()
    return archive._header(archive.MANIFEST, len(document)) + document + archive._padding(len(document))


# -- Text


def check_tokenizer(data: Any) -> None:
    """A tokenizer learned from a text reproduces it; one from JSON is refused, or works on any text."""
    text, other, document = data
    for spec in (CharTokenizerSpec(kind="char"), ByteTokenizerSpec(kind="byte")):
        tokenizer = train_tokenizer(spec, text)
        encoded = tokenizer.encode(text)
        assert tokenizer.decode(encoded.ids) == text
        assert (encoded.unknown, encoded.characters) == (0, len(text))
        assert tokenizer.characters_in(encoded.ids) == len(text)
        assert measure(RunSpec(corpus="any", tokenizer=spec), Texts(Corpus("any", text))).tokens == len(encoded.ids)
        assert from_json(json.loads(json.dumps(tokenizer.to_json()))) == tokenizer
        ids = tokenizer.encode(other).ids
        assert len(ids) == 0 or 0 <= ids.min() <= ids.max() < tokenizer.vocabulary
    letters = train_tokenizer(CharTokenizerSpec(kind="char", normalize="letters"), text)
    assert letters.vocabulary <= SPECIALS + 27
    letters.encode(other)
    with suppress(ValueError):
        made = from_json(document)
        ids = made.encode(other).ids
        assert len(ids) == 0 or 0 <= ids.min() <= ids.max() < made.vocabulary
        made.decode(ids)


def check_cursor(text: str) -> None:
    with suppress(InvalidRequest):
        number, word = read_cursor(text, [jobs.c.created_at, jobs.c.id])
        assert math.isfinite(number)
        assert word.isascii()


documents = st.fixed_dictionaries(
    {"kind": st.sampled_from(["char", "byte", "bpe"])},
    optional={
        "characters": st.text(max_size=20) | FEW,
        "normalize": st.sampled_from(["none", "letters", "x", 3]),
    },
)
cursors = st.text(max_size=40) | FEW.map(
    lambda value: base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
)

TARGETS = {
    "spec": Target(MANY | spoilt_specs(), check_spec),
    "checkpoint": Target(files(WHOLE), check_checkpoint),
    "session": Target(files(SEALED) | files(SEALED[32:]), check_token),
    "backup": Target(files(backup()), check_backup),
    "tokenizer": Target(st.tuples(unicode_text, unicode_text, documents | FEW), check_tokenizer),
    "cursor": Target(cursors, check_cursor),
}
