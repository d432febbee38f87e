"""Numbers that measure different things are never shown side by side without a warning."""

from typing import Any

import pytest

from gatelab.reports.build import comparison_report
from gatelab.specs import RunSpec, parse
from tests.reports.records import record

OTHER = {"corpus": "other", "corpus_sha256": "cd" * 32}


def warnings_of(first: dict[str, Any], second: dict[str, Any], **changes: Any) -> list[str]:
    """The warnings for two runs with different seeds and these differences; `changes` apply to the second's record."""
    second = second | {"training": second.get("training", {}) | {"seed": 1}}
    runs = [parse(RunSpec, {"corpus": "book"} | fields) for fields in (first, second)]
    return list(comparison_report([record(runs[0], 0), record(runs[1], 1, **changes)]).warnings)


def windows(**fields: int) -> dict[str, Any]:
    return {"training": {"windows": {"train": 5, "validation": 5} | fields}}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {}),
        ({}, {"model": {"layers": 2}}),
        ({}, {"training": {"epochs": 3, "batch_size": 7, "windows": {"stride": 3}}}),
        (windows(stride=32), windows()),
        ({"training": {"carry_state": True}}, {"training": {"carry_state": True, "num_steps": 8, "batch_size": 9}}),
    ],
)
def test_the_same_measure_gets_no_warning(first: dict[str, Any], second: dict[str, Any]) -> None:
    assert warnings_of(first, second) == []


def test_the_same_text_under_another_name_is_the_same() -> None:
    assert warnings_of({}, {}, corpus="copy") == []


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ({}, {"tokenizer": {"kind": "byte"}}, ("byte, char", "bits per character is the only common measure")),
        ({}, {"tokenizer": {"kind": "char", "normalize": "letters"}}, ("letters, none", "on different texts")),
        (windows(), windows(validation=6), ("different parts of the text", "5 + 5 + 0", "5 + 6 + 0")),
        (windows(), windows(stride=1), ("different parts of the text", "stride 1", "stride 32")),
        (windows(), {}, ("different parts of the text", "80/10/10")),
        ({}, {"training": {"num_steps": 8}}, ("(num_steps 8, num_steps 32)", "more context")),
        ({}, {"training": {"carry_state": True}}, ("(carried, num_steps 32)", "more context")),
    ],
)
def test_what_differs_is_named(first: dict[str, Any], second: dict[str, Any], words: tuple[str, ...]) -> None:
    [warning] = warnings_of(first, second)
    assert all(word in warning for word in words), warning


def test_other_texts_are_other_tasks() -> None:
    [warning] = warnings_of({}, {}, **OTHER)
    assert all(word in warning for word in ("book (abababababab)", "other (cdcdcdcdcdcd)", "no number here compares"))


def test_seconds_of_other_devices_do_not_compare() -> None:
    [warning] = warnings_of({}, {}, device="cuda (fast)")
    assert "cpu, cuda (fast)" in warning


def test_every_difference_gets_its_warning() -> None:
    second = {"tokenizer": {"kind": "byte"}, "training": {"num_steps": 8}}
    assert len(warnings_of({}, second, **OTHER, device="cuda")) == 4


def test_runs_that_repeat_others_are_counted() -> None:
    spec = parse(RunSpec, {"corpus": "book"})
    same = parse(RunSpec, {"corpus": "other-name", "training": {"windows": {"stride": 32}}})
    runs = [record(spec, 0), record(same, 1), record(same, 2, state="failed"), record(spec, 3, corpus_sha256="cd" * 32)]
    [warning] = list(comparison_report(runs[:3]).warnings)
    assert warning.startswith("2 of these runs repeat another run with the same spec and seed")
    assert not any("repeat" in warning for warning in comparison_report([runs[0], runs[3]]).warnings)
