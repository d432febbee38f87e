"""Answers with long lists, whose JSON is written a piece at a time."""

import json
import math

import pytest

from gatelab.errors import Abandoned
from gatelab.wire.completions import Choice, Completion, Logprobs
from service.json_answers import PIECE, said, said_in_pieces


def completion(tokens: int) -> Completion:
    places = list(range(tokens))
    logprobs = Logprobs(
        tokens=["é"] * tokens,
        token_logprobs=[None, *[math.nan if at % 7 == 3 else -at / 3 for at in places[1:]]][:tokens],
        top_logprobs=[{'"': -at / 7, "\n": -1e-9, "🙂": math.inf} for at in places],
        text_offset=places,
    )
    choices = [Choice(index=0, text="é" * tokens, logprobs=logprobs), Choice(index=1, text="", finish_reason="stop")]
    return Completion(id="cmpl-1", created=1, model="run", choices=choices)


@pytest.mark.parametrize("tokens", [0, 1, PIECE, PIECE + 1, 3 * PIECE])
def test_it_is_the_same_json(tokens: int) -> None:
    answer = completion(tokens)
    found = said_in_pieces(answer, lambda: None)
    assert found.media_type == said(answer).media_type
    assert json.loads(bytes(found.body)) == json.loads(bytes(said(answer).body))


def test_the_work_ends_between_two_pieces() -> None:
    def gone() -> None:
        raise Abandoned("the client has gone")

    with pytest.raises(Abandoned):
        said_in_pieces(completion(PIECE + 1), gone)
    said_in_pieces(completion(PIECE), gone)
