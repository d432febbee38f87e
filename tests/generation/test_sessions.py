"""States that a client keeps: what they hold, and that nobody can make or change one."""

import base64

import numpy as np
import pytest

from gatelab.errors import InvalidState
from gatelab.generation import Sealer, Session
from gatelab.generation.decoders import NativeDecoder
from gatelab.specs import GruSpec, LstmSpec
from tests.generation.test_decoders import model_of, prompt_of
from tests.randomized import random, seed
from tests.rounding import assert_rounded, terms_of

__all__ = ["random", "seed"]


@pytest.fixture
def session(random: np.random.Generator) -> Session:
    return Session("run-1", 7, random.normal(size=(2, 2, 9)).astype(np.float32), 5)


def test_a_token_holds_the_session(session: Session) -> None:
    sealer = Sealer(b"key")
    token = sealer.seal(session)
    found = sealer.open(token)
    assert (found.run, found.step, found.token) == (session.run, session.step, session.token)
    np.testing.assert_array_equal(found.state, session.state)
    assert sealer.seal(found) == token


def test_tokens_are_of_one_size(session: Session) -> None:
    sealer = Sealer(b"key")
    other = Session("run-1", 8, session.state * 2, 6)
    assert len(sealer.seal(other)) == len(sealer.seal(session))


def test_every_changed_character_is_noticed(session: Session) -> None:
    sealer = Sealer(b"key")
    token = sealer.seal(session)
    for at in range(0, len(token), 7):
        changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        with pytest.raises(InvalidState, match=r"^state: is not a state that this installation gave out"):
            sealer.open(changed)


@pytest.mark.parametrize("token", ["", "A", "é", "not base64!", base64.urlsafe_b64encode(bytes(200)).decode()])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(InvalidState):
        Sealer(b"key").open(token)


def test_another_key_s_tokens_are_refused(session: Session) -> None:
    with pytest.raises(InvalidState):
        Sealer(b"other key").open(Sealer(b"key").seal(session))


def test_going_on_in_pieces_is_going_on(random: np.random.Generator, seed: int) -> None:
    model = model_of(LstmSpec(kind="lstm"), seed)
    decoder = NativeDecoder(model)
    ids = prompt_of(random, 20)
    begin = Session.begin(decoder, "run-1", 3)
    whole, pieces = begin.after(decoder, ids), begin.after(decoder, ids[:8]).after(decoder, ids[8:])
    assert_rounded(pieces.state, whole.state, terms=terms_of(model, 20))
    assert pieces.token == whole.token == ids[-1]
    assert begin.after(decoder, ids[:0]) is begin


def test_a_mixture_lies_between(random: np.random.Generator, seed: int) -> None:
    decoder = NativeDecoder(model_of(GruSpec(kind="gru"), seed))
    begin = Session.begin(decoder, "run-1", 3)
    first, second = (begin.after(decoder, prompt_of(random)) for _ in range(2))
    np.testing.assert_array_equal(first.mixed(second, 0).state, first.state)
    np.testing.assert_array_equal(first.mixed(second, 1).state, second.state)
    assert_rounded(first.mixed(second, 0.25).state, 0.75 * first.state + 0.25 * second.state, terms=2)
    assert first.mixed(second, 1).token == first.token
    with pytest.raises(InvalidState, match="other: is of another checkpoint"):
        first.mixed(Session.begin(decoder, "run-1", 4), 0.5)
