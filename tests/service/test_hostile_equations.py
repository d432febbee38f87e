"""Whatever is sent as a cell's equations, the answer is short and cheap, and says what is wrong."""

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from gatelab.equations import InvalidEquations, bounds, read
from tests.service.hostile_equations import hostile, longest
from tests.service.installation import Installation, installation, problem

TEXTS = list(dict.fromkeys(hostile()))
CALLS = 60_000
"""The most function calls, Python's own included, that parsing a text may take: some hundredths of a second."""
BATCH = 40


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("hostile")) as made:
        yield made


def test_there_are_more_than_two_hundred() -> None:
    assert len(TEXTS) > 200


@pytest.mark.parametrize("begin", range(0, len(TEXTS), BATCH))
def test_each_gets_a_short_answer_that_says_what_is_wrong(begin: int, service: Installation) -> None:
    for text in TEXTS[begin : begin + BATCH]:
        answer = service.client.post("/v1/cells/check", json={"equations": text})
        if len(text.encode()) > service.settings.limits.request_bytes:
            problem(answer, 413, "too-large")
            continue
        [found] = problem(answer, 422, "invalid-request")["problems"]
        assert found["path"] == "equations", text
        assert 10 < len(found["message"]) < 500, text
        assert len(answer.content) < 2_000, text


@pytest.mark.parametrize("begin", range(0, len(TEXTS), BATCH))
def test_reading_one_takes_little_work(begin: int) -> None:
    for text in TEXTS[begin : begin + BATCH]:
        assert calls_of(text, InvalidEquations) < CALLS, text[:200]


@pytest.mark.parametrize("number", range(len(list(longest()))))
def test_the_longest_text_takes_little_work(number: int) -> None:
    text = list(longest())[number]
    assert len(text) <= bounds.CHARACTERS
    assert calls_of(text) < CALLS


def calls_of(text: str, *refused: type[Exception]) -> int:
    """The number of function calls to parse a text. If `refused` is given, the text must be refused."""
    count = 0

    def note(_: Any, event: str, __: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        read.__wrapped__(text)
        assert not refused, text[:200]
    except InvalidEquations:
        pass
    finally:
        sys.setprofile(before)
    return count
