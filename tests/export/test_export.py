"""The export is the model: the program generates the same text, with NumPy and nothing else."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from gatelab.checkpoint import Checkpoint
from gatelab.export import script, weights
from gatelab.generation import ReferenceDecoder
from gatelab.model import model_of
from gatelab.network import Network
from gatelab.specs import CellSpec, GruSpec, RnnSpec, RunSpec, Sampling, parse
from gatelab.text.tokenizers import ByteTokenizer, Tokenizer, train_tokenizer
from tests.export.checkpoints import LETTERS, PLAIN, checkpoint_of
from tests.generation.decisive_tokens import clear_tokens
from tests.randomized import CELLS, cell_name, random, seed
from tests.rounding import terms_of

__all__ = ["random", "seed"]


def written(folder: Path, checkpoint: Checkpoint, prompt: str, characters: int) -> str:
    """The output of the program, in a Python that can import NumPy but nothing of Gatelab."""
    (folder / "generate.py").write_text(script(checkpoint.spec.model, checkpoint.tokenizer))
    (folder / "model.safetensors").write_bytes(weights(checkpoint))
    command = [sys.executable, "-P", "-W", "error", "generate.py", "model.safetensors", prompt, str(characters)]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False, env={"PYTHONIOENCODING": "utf-8"})
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().removesuffix("\n")


def beginning(checkpoint: Checkpoint, tokenizer: Tokenizer, prompt: str, characters: int) -> str:
    """The text that the model writes, up to a token that the rounding of the logits might change."""
    model, network, how = model_of(checkpoint), Network.of(checkpoint), Sampling(max_tokens=characters, temperature=0)
    ids = tokenizer.encode(prompt).ids
    clear = clear_tokens(ReferenceDecoder(network), ids, how, terms_of(model, len(ids) + characters))
    return tokenizer.decode(clear.tolist())


@pytest.mark.parametrize("cell", CELLS, ids=cell_name)
def test_the_program_writes_what_the_model_writes(cell: CellSpec, tmp_path: Path, seed: int) -> None:
    checkpoint = checkpoint_of(cell, LETTERS, seed, layers=2)
    found = written(tmp_path, checkpoint, "It has, ", 30)
    assert len(found) == 30
    assert found.startswith(beginning(checkpoint, LETTERS, "It has, ", 30))


TRAINED_ON = "The time traveller, for so it will be convenient to speak of him.\r\nCafe\u0301 日 " * 9


@pytest.mark.parametrize(
    "tokenizer",
    [
        {"kind": "bpe", "size": 300},
        {"kind": "unigram", "size": 300, "clean": ["newlines", "nfc", "lower", "whitespace"]},
        {"kind": "words", "at_least": 1, "clean": ["newlines"]},
        {"kind": "char", "clean": ["nfc", "lower"]},
    ],
    ids=lambda tokenizer: tokenizer["kind"],
)
def test_the_program_reads_what_any_tokenizer_reads(tokenizer: dict[str, object], tmp_path: Path, seed: int) -> None:
    made = train_tokenizer(parse(RunSpec, {"corpus": "x", "tokenizer": tokenizer}).tokenizer, TRAINED_ON)
    checkpoint = checkpoint_of(GruSpec(kind="gru"), made, seed)
    (tmp_path / "generate.py").write_text(script(checkpoint.spec.model, made))
    prompts = ["the Traveller\r\ntime  \t convenient", "Cafe\u0301 ☃ 日日 him.", ""]
    program = (
        "import json, sys; import generate; kind, texts = json.load(sys.stdin);"
        "pieces = generate.vocabulary(kind);"
        "print(json.dumps([generate.encode(kind, pieces, text) for text in texts]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        input=json.dumps([made.to_json(), prompts]),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == [made.encode(prompt).ids.tolist() for prompt in prompts]
    found = written(tmp_path, checkpoint, prompts[0], 20)
    assert found.startswith(beginning(checkpoint, made, prompts[0], 20).rstrip("\N{REPLACEMENT CHARACTER}\n"))


@pytest.mark.parametrize("arguments", [(), ("--help",), ("model.safetensors", "it has", "5", "more")])
def test_a_program_says_how_it_is_called(arguments: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "generate.py").write_text(script(checkpoint_of(GruSpec(kind="gru"), LETTERS, 0).spec.model))
    command = [sys.executable, "-P", "generate.py", *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, text=True)
    assert done.returncode == 1
    usage = 'Continues a text with the model in a file: python generate.py model.safetensors "it has"'
    assert done.stderr.startswith(usage)


def test_the_program_writes_nothing_when_its_numbers_overflow(tmp_path: Path, seed: int) -> None:
    checkpoint = checkpoint_of(RnnSpec(kind="rnn", activation="relu"), LETTERS, seed)
    checkpoint.weights["cells.0.U"][:] *= 1e30
    (tmp_path / "generate.py").write_text(script(checkpoint.spec.model))
    (tmp_path / "model.safetensors").write_bytes(weights(checkpoint))
    command = [sys.executable, "-P", "-W", "ignore", "generate.py", "model.safetensors", "it has", "5"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"what the model predicts is not finite" in done.stderr


@pytest.mark.parametrize("tokenizer", [PLAIN, ByteTokenizer()], ids=["char", "byte"])
def test_any_tokenizer_and_embedding(tokenizer: Tokenizer, tmp_path: Path, seed: int) -> None:
    checkpoint = checkpoint_of(GruSpec(kind="gru"), tokenizer, seed, input={"embedding": 4})
    expected = beginning(checkpoint, tokenizer, "a bé☃", 25)
    found = written(tmp_path, checkpoint, "a bé☃", 25)
    # The stream of bytes may end within a character, which only the end of the program completes.
    assert found.startswith(expected.rstrip("\N{REPLACEMENT CHARACTER}"))


@pytest.mark.parametrize("cell", CELLS, ids=cell_name)
def test_the_program_is_short(cell: CellSpec) -> None:
    made = script(checkpoint_of(cell, LETTERS, 0).spec.model)
    code = [line for line in made.splitlines() if line.strip()]
    equations = [line for line in cell.equations.splitlines() if " = " in line]
    assert len(code) < 52 + len(equations)
    assert "import torch" not in made


def test_weights_say_what_they_belong_to(tmp_path: Path, seed: int) -> None:
    checkpoint = checkpoint_of(GruSpec(kind="gru"), LETTERS, seed)
    file = tmp_path / "model.safetensors"
    file.write_bytes(weights(checkpoint))
    with safe_open(file, "numpy") as opened:
        facts = json.loads(opened.metadata()["gatelab"])
        assert set(opened.keys()) == set(checkpoint.weights)
        for name in opened.keys():  # noqa: SIM118
            np.testing.assert_array_equal(opened.get_tensor(name), checkpoint.weights[name])
    assert facts["tokenizer"] == LETTERS.to_json()
    assert facts["model"] == checkpoint.spec.model.model_dump(mode="json")
    assert facts["step"] == 7
