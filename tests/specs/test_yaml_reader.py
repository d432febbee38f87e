"""Specs are read by the core schema of YAML 1.2, and nothing in them is dropped silently."""

import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatelab.specs.yaml_reader import NotYaml, dump, load
from tests.randomized import examples, unicode_text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("010", 10),
        ("0o10", 8),
        ("0x10", 16),
        ("0b10", "0b10"),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("+12", 12),
        ("1e-3", 0.001),
        ("12e03", 12000.0),
        (".5", 0.5),
        ("5.", 5.0),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("2026-11-29", "2026-11-29"),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("y", "y"),
        ("True", True),
        ("FALSE", False),
        ("tRUE", "tRUE"),
        ("~", None),
        ("", None),
        ("=", "="),
        ("'010'", "010"),
        ("!!str 010", "010"),
        ("!!float 3", 3.0),
        ("{<<: {a: 1}}", {"<<": {"a": 1}}),
        ("[&x [1], *x]", [[1], [1]]),
        ("\ufeffa: 1", {"a": 1}),
    ],
)
def test_scalars_are_what_the_core_schema_says(text: str, value: Any) -> None:
    found = load(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epochs: 1\nseed: 2\nepochs: 5", "line 3, column 1: the key 'epochs' is given twice: in line 1 and in line 3"),
        ("a:\n  b: {c: 1,\n    c: 2}", "line 3, column 5: the key 'c' is given twice: in line 2 and in line 3"),
        ("- {a: 1, 'a': 1}", "the key 'a' is given twice: in line 1 and in line 1"),
        ("1: a\n01: b", "the key '1' is given twice: in line 1 and in line 2"),
        ("[a]: 1", "line 1, column 1: a key must be a single value"),
        ("!!int 0b1", "line 1, column 1: this is not a valid int of YAML 1.2"),
        ("!!bool yes", "this is not a valid bool of YAML 1.2"),
        ("!!timestamp 2026-11-29", "could not determine a constructor"),
        ("!!binary aGk=", "could not determine a constructor"),
        ("!!python/object:os.system {}", "could not determine a constructor"),
        ("!!map [1]", "this must be an object with fields"),
        ("&a [*a]", "recursive"),
        ("[" * 5000, "it is nested too deeply"),
        ("9" * 5000, "the number has too many digits"),
        ("a: 1\n---\nb: 2", "line 2, column 1: but found another document"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, message: str) -> None:
    with pytest.raises(NotYaml) as refusal:
        load(text)
    assert message in str(refusal.value)


printable = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
numbers = st.integers() | st.floats(allow_nan=False)
looks_like_something_else = st.from_regex(
    r"\A(0[xo]?[0-9a-f]{1,3}|[0-9]e[-+]?[0-9]|[0-9]{1,2}:[0-9]{2}|[0-9]_[0-9]|yes|no|on|off|true|null|~|<<|=|\.inf|2026-11-29)\Z"
)
scalars = st.none() | st.booleans() | numbers | printable | looks_like_something_else
keys = printable | looks_like_something_else
data = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(printable | looks_like_something_else, inner, max_size=3)
    ),
    max_leaves=10,
)


@examples(300)
@given(value=data)
def test_what_is_written_is_read_again(value: Any) -> None:
    found = load(dump(value))
    assert found == value
    assert repr(found) == repr(value)


@examples(200)
@given(text=unicode_text)
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(NotYaml):
        load(text)
