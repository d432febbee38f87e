"""States that a client keeps: their contents, and that nobody can forge or change one."""

import base64
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from gatelab.errors import InvalidState
from gatelab.generation import Sealer, Session
from gatelab.generation.sessions import MOST_HELD, Undecided
from gatelab.specs import GruSpec, LstmSpec
from tests.generation.models import native
from tests.generation.test_decoders import model_of, prompt_of
from tests.randomized import random, seed
from tests.rounding import assert_rounded, terms_of

__all__ = ["random", "seed"]


@pytest.fixture
def session(random: np.random.Generator) -> Session:
    state, seen = random.normal(size=(2, 2, 9)).astype(np.float32), random.integers(0, 256, 33, dtype=np.uint8)
    return Session("run-1", 7, state, 5, 12, seen, Undecided(b"\xe2\x82", "held: é🙂\0"))


def test_a_token_holds_the_session(session: Session) -> None:
    sealer = Sealer(b"key")
    token = sealer.seal(session)
    found = sealer.open(token)
    assert (found.run, found.step, found.token) == (session.run, session.step, session.token)
    assert (found.written, found.undecided) == (session.written, session.undecided)
    np.testing.assert_array_equal(found.state, session.state)
    np.testing.assert_array_equal(found.seen, session.seen)
    assert sealer.seal(found) == token


def test_tokens_are_of_one_size(session: Session) -> None:
    sealer = Sealer(b"key")
    other = replace(session, step=8, state=session.state * 2, token=6, written=99, seen=~session.seen)
    assert len(sealer.seal(other)) == len(sealer.seal(session))


def test_tokens_are_bounded(session: Session) -> None:
    """The largest token: the state, a bit for each token id, and the longest text that a stop string can hold back."""
    longest = replace(session, written=2**63, undecided=Undecided(b"\xf0\x9f\x99", "🙂" * MOST_HELD))
    sealer = Sealer(b"key")
    numbers = session.state.nbytes + session.seen.nbytes
    assert len(sealer.seal(replace(session, undecided=Undecided()))) < 4 / 3 * numbers + 500
    token = sealer.seal(longest)
    assert len(token) < 4 / 3 * (numbers + 14 * MOST_HELD) + 500, "no character takes more in JSON within JSON"
    assert sealer.open(token).undecided == longest.undecided


def signed(sealer: Sealer, facts: list[object], tensors: dict[str, np.ndarray[Any, Any]]) -> str:
    data = save(tensors, metadata={"session": json.dumps(facts)})
    return base64.urlsafe_b64encode(sealer._sign(data) + data).decode()


def test_a_token_of_the_state_and_the_last_token_alone_is_opened(session: Session) -> None:
    """Sessions in the format of earlier versions, which contained only the state."""
    sealer = Sealer(b"key")
    found = sealer.open(signed(sealer, ["run-1", 7, 5], {"state": session.state}))
    assert (found.run, found.step, found.token, found.written) == ("run-1", 7, 5, 0)
    assert (len(found.seen), found.undecided) == (0, Undecided())
    np.testing.assert_array_equal(found.state, session.state)


@pytest.mark.parametrize(
    "facts",
    [
        ["run-1", 7],
        ["run-1", 7, 5, 12],
        ["run-1", 7, 5, 12, "", "", ""],
        ["run-1", 7, 5, -1, "", ""],
        ["run-1", 7, 5, True, "", ""],
        ["run-1", 7, 5, 12, "e282e282", ""],
        ["run-1", 7, 5, 12, "no bytes", ""],
        ["run-1", 7, 5, 12, 3, ""],
        ["run-1", 7, 5, 12, "", None],
        ["run-1", 7, 5, 12, "", "a" * 1000],
        [7, 7, 5, 12, "", ""],
        {"run": 1, "step": 2, "token": 3},
        3,
    ],
)
def test_what_is_signed_and_is_no_session_is_refused(facts: list[object], session: Session) -> None:
    sealer = Sealer(b"key")
    with pytest.raises(InvalidState, match="another format of states"):
        sealer.open(signed(sealer, facts, {"state": session.state, "seen": session.seen}))


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_a_state_that_is_not_finite_is_refused(number: float, session: Session) -> None:
    session.state[1, 0, 3] = number
    sealer = Sealer(b"key")
    with pytest.raises(InvalidState, match="state: has numbers that are not finite"):
        sealer.open(sealer.seal(session))


def test_a_session_of_another_vocabulary_does_not_fit(seed: int) -> None:
    decoder = native(model_of(GruSpec(kind="gru"), seed))
    begin = Session.begin(decoder, "run-1", 3)
    assert begin.fits(decoder)
    assert begin.after(decoder, np.array([5])).fits(decoder)
    assert not replace(begin, seen=np.zeros(1, np.uint8)).fits(decoder)


def test_every_changed_character_is_noticed(session: Session) -> None:
    sealer = Sealer(b"key")
    token = sealer.seal(session)
    for at in range(0, len(token), 7):
        changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        with pytest.raises(InvalidState, match=r"^state: is not a state from this installation"):
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
    decoder = native(model)
    ids = prompt_of(random, 20)
    begin = Session.begin(decoder, "run-1", 3)
    whole, pieces = begin.after(decoder, ids), begin.after(decoder, ids[:8]).after(decoder, ids[8:])
    assert_rounded(pieces.state, whole.state, terms=terms_of(model, 20))
    assert pieces.token == whole.token == ids[-1]
    assert begin.after(decoder, ids[:0]) is begin


def test_a_mixture_lies_between(random: np.random.Generator, seed: int) -> None:
    decoder = native(model_of(GruSpec(kind="gru"), seed))
    begin = Session.begin(decoder, "run-1", 3)
    first, second = (begin.after(decoder, prompt_of(random)) for _ in range(2))
    np.testing.assert_array_equal(first.mixed(second, 0).state, first.state)
    np.testing.assert_array_equal(first.mixed(second, 1).state, second.state)
    assert_rounded(first.mixed(second, 0.25).state, 0.75 * first.state + 0.25 * second.state, terms=2)
    assert first.mixed(second, 1).token == first.token
    with pytest.raises(InvalidState, match="other: belongs to another checkpoint"):
        first.mixed(Session.begin(decoder, "run-1", 4), 0.5)
