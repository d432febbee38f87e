from pathlib import Path

import pytest

from gatelab.client import specfile
from gatelab.errors import InvalidSpec, Problem
from gatelab.specs import EmbeddingSpec, SgdSpec


def load(folder: Path, text: str, *settings: str) -> object:
    file = folder / "spec.yaml"
    file.write_text(text)
    return specfile.load(file, settings)


def test_settings_take_the_place_of_what_the_file_says(tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text("corpus: book\nmodel: {input: one_hot}\n")
    spec = specfile.load(
        file,
        ["model.input.embedding=16", "training.optimizer={kind: sgd, lr: 1e-1}", "name=other", "repeats=3"],
    )
    assert spec.model.input == EmbeddingSpec(embedding=16)
    assert spec.training.optimizer == SgdSpec(kind="sgd", lr=0.1)
    assert (spec.name, spec.repeats) == ("other", 3)


def test_specs_are_yaml_1_2(tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text("\ufeffcorpus: no\nrepeats: 010\ntraining: {optimizer: {kind: sgd, lr: 1e-3}}\n", encoding="utf-8")
    spec = specfile.load(file, ["training.epochs=010"])
    assert (spec.corpus, spec.repeats, spec.training.epochs) == ("no", 10, 10)
    assert spec.training.optimizer == SgdSpec(kind="sgd", lr=0.001)


def test_a_path_of_the_grid_is_one_key(tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text("corpus: book\n")
    assert specfile.load(file, ["grid.training.seed=[1, 2]"]).grid == {"training.seed": [1, 2]}


@pytest.mark.parametrize(
    ("text", "settings", "message"),
    [
        ("corpus: [", [], "spec.yaml: is not YAML: line 1, column 10: "),
        ("corpus: \x00", [], "spec.yaml: is not YAML: "),
        ("- a", [], "spec.yaml: must be an object with fields, not list"),
        ("", ["name=x"], "spec.yaml: must be an object with fields, not NoneType"),
        ("corpus: b\nmodel: {cell: {kind: gru, hidden: 0}}", [], "spec.yaml: model.cell.hidden: "),
        ("corpus: b", ["name"], "--set: must be path=value, not 'name'"),
        ("corpus: b", ["=3"], "--set: must be path=value, not '=3'"),
        ("corpus: b", ["name=["], "--set: 'name=[' is not YAML: line 1"),
        ("!!python/object:os.system {}", [], "spec.yaml: is not YAML: "),
        (
            "corpus: b\ntraining:\n  epochs: 1\n  seed: 2\n  epochs: 5\n",
            [],
            "spec.yaml: is not YAML: line 5, column 3: the key 'epochs' is given twice: in line 3 and in line 5",
        ),
        (
            "corpus: b",
            ["training={epochs: 1, epochs: 5}"],
            "--set: 'training={epochs: 1, epochs: 5}' is not YAML: line 1, column 13: the key 'epochs' is given twice",
        ),
        (
            "corpus: b",
            ["repeats=2", "name=x", "repeats=3"],
            "--set: repeats is given twice: 'repeats=2' and 'repeats=3'",
        ),
        ("corpus: b", ["training.lr=1"], "training.lr: unknown field; did you mean 'training.optimizer.lr'?"),
        ("corpus: b\nmodell: {}", [], "spec.yaml: modell: unknown field; did you mean 'model'?"),
        ("corpus: b\ntraining: {epochs: 1:30}", [], "training.epochs: must be a whole number, not a string"),
        ("corpus: b\ntraining: {keep_best: yes}", [], "training.keep_best: input should be a valid boolean"),
    ],
)
def test_faults_name_the_place(tmp_path: Path, text: str, settings: list[str], message: str) -> None:
    with pytest.raises(InvalidSpec) as caught:
        load(tmp_path, text, *settings)
    assert message in str(caught.value)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidSpec, match=r"none\.yaml: cannot be read: No such file"):
        specfile.load(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"corpus: \xe9")
    with pytest.raises(InvalidSpec) as caught:
        specfile.load(tmp_path / "latin.yaml")
    remedy = "if the file is WINDOWS-1252, convert it: iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW"
    message = f"must be UTF-8 text; byte 8 (0xe9, in line 1) is not; {remedy}"
    assert caught.value.problems == (Problem(str(tmp_path / "latin.yaml"), message),)
