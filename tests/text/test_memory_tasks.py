"""The texts of the memory tasks: lines that only memory can complete, the same on every machine."""

import hashlib
from typing import Any

import pytest

from gatelab.specs import CopySpec, RecallSpec, RunSpec, SyntheticSpec, parse
from gatelab.text import Corpus, prepare
from gatelab.text.memory_tasks import (
    alphabet,
    corpus_text,
    drawn_anew,
    line_length,
)

RECALL = RecallSpec(kind="recall", lag=7, examples=50, seed=5)
COPY = CopySpec(kind="copy", lag=3, width=4, symbols=3, distractors=2, examples=50, seed=5)
TASKS = pytest.mark.parametrize(
    "task", [RECALL, COPY, RECALL.model_copy(update={"lag": 0})], ids=["recall", "copy", "no lag"]
)


@TASKS
def test_a_line_is_symbols_noise_a_question_mark_and_the_symbols_again(task: SyntheticSpec) -> None:
    lines = corpus_text(task).splitlines(keepends=True)
    assert len(lines) == task.examples
    for line in lines:
        assert len(line) == line_length(task)
        symbols, rest = line[: task.shown], line[task.shown :]
        noise, answer = rest.split("?")
        assert answer == symbols + "\n"
        assert len(noise) == task.lag
        assert set(noise) <= set("0123456789"[: task.distractors])
        assert set(symbols) <= set("abcdefghijklmnopqrstuvwxyz"[: task.symbols])


@TASKS
def test_the_same_spec_is_the_same_text_and_another_seed_another(task: SyntheticSpec) -> None:
    assert corpus_text(task) == corpus_text(task)
    assert corpus_text(task) != corpus_text(task.model_copy(update={"seed": 6}))


def test_the_text_is_the_same_on_every_machine() -> None:
    digest = hashlib.sha256(corpus_text(RECALL).encode()).hexdigest()
    assert digest == "b3c9be3daa29f191caa8b7ed710683aa5b59d763d9a9294ef5421b27fe316971"


def test_what_is_drawn_anew_is_no_part_of_the_corpus() -> None:
    corpus = set(corpus_text(RECALL).splitlines())
    anew = drawn_anew(RECALL, 50)
    assert len(set(anew)) == 50
    assert not corpus & set(anew)
    assert drawn_anew(RECALL, 50) == anew


def test_all_symbols_and_all_noise_occur() -> None:
    task = RECALL.model_copy(update={"symbols": 26, "distractors": 10, "examples": 1000})
    assert set(corpus_text(task)) == set(alphabet(task))


@TASKS
def test_windows_of_a_line_each_hold_one_example(task: SyntheticSpec) -> None:
    """In training, validation and test, so that the recall and its symbols are always in the same window."""
    text = corpus_text(task)
    data: dict[str, Any] = {"corpus": "x", "training": {"num_steps": line_length(task)}}
    prepared = prepare(parse(RunSpec, data), Corpus("x", text))
    assert prepared.test is not None
    seen = ""
    for windows in (prepared.train, prepared.validation, prepared.test):
        for start, end in zip(windows.starts, windows.ends, strict=True):
            line = prepared.tokenizer.decode(windows.ids[start + 1 : end + 1])
            assert line.endswith("\n")
            assert line.count("\n") == 1
            seen += line
    assert seen == text
