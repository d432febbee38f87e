"""Suggestions for a mistyped name are cheap, whoever chooses the names."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatelab.specs import JobSpec
from gatelab.specs.fault_messages import paths
from gatelab.spelling import (
    LONGEST,
    MOST,
    did_you_mean,
    nearest,
    nearest_path,
)
from tests.randomized import examples


@pytest.mark.parametrize(
    ("given", "known", "found"),
    [
        ("time-machine", ["wells", "timemachine"], "timemachine"),
        ("timemachine", ["time-machine", "time-machine-2"], "time-machine"),
        ("WELLS", ["wells"], "wells"),
        ("wells", ["wells"], None),
        ("verne", ["wells"], None),
        ("", ["a"], None),
        ("verne", [], None),
    ],
)
def test_the_nearest_name_is_found(given: str, known: list[str], found: str | None) -> None:
    assert nearest(given, known) == found


def test_of_very_many_names_only_the_first_are_looked_at() -> None:
    def names() -> Iterator[str]:
        for number in range(MOST):
            yield f"book-{number}"
        raise AssertionError("one more was asked for")

    assert nearest("book-x", names()) is not None


def test_long_names_are_not_looked_at() -> None:
    assert nearest("a" * (LONGEST + 1), ["a" * LONGEST]) is None
    assert nearest("a" * LONGEST, ["a" * (LONGEST + 1)]) is None
    assert nearest("a" * LONGEST, ["a" * (LONGEST - 1)]) == "a" * (LONGEST - 1)
    assert nearest_path("training." + "a" * 10**6, paths(JobSpec)) is None


@examples(100)
@given(path=st.sampled_from(paths(JobSpec)), parent=st.sampled_from(["", "model.", "x.y."]))
def test_a_field_in_the_wrong_place_is_found_in_a_right_one(path: str, parent: str) -> None:
    last = path.rpartition(".")[2]
    found = nearest_path(parent + last, paths(JobSpec))
    if parent + last in paths(JobSpec):
        assert found is None
    else:
        assert found is not None
        assert found.rpartition(".")[2] == last


def test_nothing_near_adds_nothing_to_a_message() -> None:
    assert did_you_mean(None) == ""
    assert did_you_mean("lr") == "; did you mean 'lr'?"
