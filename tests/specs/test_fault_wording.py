"""Messages about faults: lengths in their own units, suggestions, and a bounded number of faults."""

from typing import Annotated

import pytest
from pydantic import Field, ValidationError

from gatelab.errors import InvalidSpec, Problem
from gatelab.specs import GatesRequest, parse
from gatelab.specs.base import Spec, Text
from tests.specs.faulty import job, refused


class Lengths(Spec):
    """Everything that has a length."""

    word: Annotated[str, Field(min_length=2, max_length=3)] = "abc"
    text: Annotated[Text, Field(min_length=2, max_length=3)] = "abc"
    data: Annotated[bytes, Field(min_length=2, max_length=3)] = b"abc"
    numbers: Annotated[list[int], Field(min_length=2, max_length=3)] = [1, 2]
    distinct: Annotated[frozenset[int], Field(min_length=2, max_length=3)] = frozenset({1, 2})
    table: Annotated[dict[str, int], Field(min_length=2, max_length=3)] = {"a": 1, "b": 2}


@pytest.mark.parametrize("length", [0, 1, 4, 7])
@pytest.mark.parametrize(
    ("field", "one", "many"),
    [
        ("word", "character", "characters"),
        ("text", "character", "characters"),
        ("data", "byte", "bytes"),
        ("numbers", "item", "items"),
        ("distinct", "item", "items"),
        ("table", "entry", "entries"),
    ],
)
def test_every_kind_of_length_is_counted_in_its_own_words(field: str, one: str, many: str, length: int) -> None:
    values: dict[str, object] = {
        "word": "a" * length,
        "text": "a" * length,
        "data": b"a" * length,
        "numbers": list(range(length)),
        "distinct": frozenset(range(length)),
        "table": dict.fromkeys(map(str, range(length)), 1),
    }
    with pytest.raises(InvalidSpec) as refusal:
        parse(Lengths, {field: values[field]})
    bound = "at least 2" if length < 2 else "at most 3"
    assert refusal.value.problems == (Problem(field, f"must have {bound} {many}, not {length}"),)


def test_a_list_is_not_called_too_short_for_what_is_wrong_in_it() -> None:
    with pytest.raises(InvalidSpec) as refusal:
        parse(Lengths, {"numbers": [1, "x"]})
    assert [problem.path for problem in refusal.value.problems] == ["numbers.1"]


# -- What may be meant --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("training.lr", "training.optimizer.lr"),
        ("lr", "training.optimizer.lr"),
        ("epochs", "training.epochs"),
        ("model.hidden", "model.cell.hidden"),
        ("model.hiden", "model.cell.hidden"),
        ("training.batchsize", "training.batch_size"),
        ("training.Epochs", "training.epochs"),
        ("training.sample.prefiks", "training.sample.prefix"),
        ("modle", "model"),
        ("colour", None),
        ("training.colour", None),
        ("training." + "x" * 200, None),
    ],
)
def test_an_unknown_field_is_answered_with_the_one_that_may_be_meant(path: str, meant: str | None) -> None:
    message = "unknown field" + (f"; did you mean {meant!r}?" if meant else "")
    assert refused(job(path, 1)) == (Problem(path, message),)


def test_what_may_be_meant_in_a_list_is_at_the_same_place_of_it() -> None:
    with pytest.raises(InvalidSpec) as refusal:
        parse(
            GatesRequest,
            {"text": "a", "clamp": [{"gate": "reset", "value": 1}, {"gate": "reset", "value": 1, "layr": 0}]},
        )
    assert refusal.value.problems == (Problem("clamp.1.layr", "unknown field; did you mean 'clamp.1.layer'?"),)


@pytest.mark.parametrize(
    ("path", "value", "end"),
    [
        ("tokenizer", {"kind": "char", "normalize": "leters"}, "(got 'leters'); did you mean 'letters'?"),
        ("tokenizer", {"kind": "chars"}, "use one of 'char', 'byte', 'bpe', 'unigram', 'words'; did you mean 'char'?"),
        ("training.optimizer", {"kind": "Adam"}, "use one of 'sgd', 'rmsprop', 'adam', 'adamw'; did you mean 'adam'?"),
        ("training.precision", "fp23", "(got 'fp23'); did you mean 'fp32'?"),
        ("training.precision", "double", "(got 'double')"),
        ("training.precision", 32, "(got 32)"),
    ],
)
def test_an_unknown_word_is_answered_with_the_one_that_may_be_meant(path: str, value: object, end: str) -> None:
    (problem,) = refused(job(path, value))
    assert problem.message.endswith(end)


def test_of_very_many_faults_only_the_first_are_compared_with_what_there_is() -> None:
    found = refused({"corpus": "x"} | {f"epoch{number}": 1 for number in range(1000)})
    assert sum("did you mean" in problem.message for problem in found) == 20


def test_of_very_many_faults_the_first_are_told_and_the_others_counted() -> None:
    *told, last = refused({"corpus": "x"} | {f"epoch{number}": 1 for number in range(1000)})
    assert [problem.path for problem in told] == [f"epoch{number}" for number in range(100)]
    assert last == Problem("", "there are 900 more faults")


class Listing(Spec):
    numbers: tuple[int, ...] | tuple[Text, ...] | tuple[tuple[int, ...], ...] = ()
    few: dict[str, int] = Field({}, max_length=3)
    many: dict[str, int] = {}


@pytest.mark.parametrize("items", [[{}], [1, "a"], [[], 1], [None], [["x"]]])
def test_of_a_list_of_wrong_items_one_is_looked_at(items: list[object]) -> None:
    """Collecting a fault for each item takes 30 microseconds per item, and a body may contain millions."""
    with pytest.raises(ValidationError) as refusal:
        Listing.model_validate({"numbers": items * 10_000})
    assert refusal.value.error_count() <= 3, "one for each type that it may be of"


@pytest.mark.parametrize(("field", "most"), [("few", 3), ("many", 10_000)])
def test_the_entries_of_an_object_are_counted_before_they_are_looked_at(field: str, most: int) -> None:
    entries = {str(number): "wrong" for number in range(most + 1)}
    with pytest.raises(InvalidSpec) as refusal:
        parse(Listing, {field: entries})
    assert list(refusal.value.problems) == [Problem(field, f"must have at most {most} entries, not {most + 1}")]


def test_a_body_of_very_many_unknown_fields_has_one_fault() -> None:
    (problem,) = refused({"corpus": "x"} | {f"epoch{number}": 1 for number in range(20_000)})
    assert problem == Problem("", "must have at most 10000 entries, not 20001")


def test_long_words_are_neither_compared_nor_shown() -> None:
    (problem,) = refused(job("model.cell", {"kind": "gru" * 100_000}))
    assert len(problem.message) < 200
    assert "did you mean" not in problem.message


def test_a_message_shows_short_values_and_hides_long_ones() -> None:
    assert "(got 0)" in refused(job("training.epochs", 0))[0].message
    assert "xxx" not in refused(job("training.epochs", "x" * 1000))[0].message
