"""Stop strings: text that arrives in pieces is cut as if the whole text were searched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatelab.generation.stops import Automaton, StopBuffer
from tests.randomized import examples

# With two letters, stop strings often overlap each other and themselves.
few_letters = st.text("ab", min_size=1, max_size=4)
stops = st.lists(few_letters | st.text("aé🙂", min_size=1, max_size=3), max_size=4)
pieces = st.lists(st.text("abé🙂", max_size=4), max_size=12)


def plain(stops: list[str], pieces: list[str]) -> tuple[str, bool]:
    """The text before the first stop string, with all text so far searched again after each piece."""
    whole = ""
    for piece in pieces:
        whole += piece
        if found := [whole.index(stop) for stop in stops if stop in whole]:
            return whole[: min(found)], True
    return whole, False


def pushed(buffer: StopBuffer, pieces: list[str]) -> tuple[list[str], bool]:
    """The text shown after each piece, up to the piece that completed a stop string."""
    shown = []
    for piece in pieces:
        text, stopped = buffer.push(piece)
        shown.append(text)
        if stopped:
            return shown, True
    return shown, False


@examples(500)
@given(stops=stops, pieces=pieces)
def test_text_in_pieces_is_cut_like_the_whole(stops: list[str], pieces: list[str]) -> None:
    buffer = StopBuffer(stops)
    shown, stopped = pushed(buffer, pieces)
    assert ("".join(shown) + buffer.rest(), stopped) == plain(stops, pieces)


@examples(500)
@given(stops=stops, pieces=pieces)
def test_no_more_is_held_back_than_could_begin_a_stop_string(stops: list[str], pieces: list[str]) -> None:
    buffer = StopBuffer(stops)
    shown, stopped = pushed(buffer, pieces)
    if not stopped:
        whole = "".join(pieces)
        beginnings = {stop[:n] for stop in stops for n in range(1, len(stop))}
        longest = max((len(start) for start in beginnings if whole.endswith(start)), default=0)
        assert "".join(shown) == whole[: len(whole) - longest]


@examples(200)
@given(stop=few_letters, text=st.text("ab", max_size=30))
def test_character_by_character_a_stop_string_ends_the_text_where_it_first_stands(stop: str, text: str) -> None:
    shown, stopped = pushed(StopBuffer([stop]), list(text))
    assert stopped == (stop in text)
    if stopped:
        assert "".join(shown) == text.partition(stop)[0]


@examples(300)
@given(stops=stops, held=st.text("abé", max_size=5), pieces=pieces)
def test_a_stop_string_may_begin_in_what_an_earlier_buffer_held_but_not_end_there(
    stops: list[str], held: str, pieces: list[str]
) -> None:
    buffer = StopBuffer(stops, held)
    shown, stopped = pushed(buffer, pieces)
    arrived = ""
    for piece in pieces:
        before, arrived = len(held) + len(arrived), arrived + piece
        whole = held + arrived
        found = [whole.find(stop, max(0, before - len(stop) + 1)) for stop in stops]
        if any(at >= 0 for at in found):
            assert ("".join(shown), stopped) == (whole[: min(at for at in found if at >= 0)], True)
            return
    assert ("".join(shown) + buffer.rest(), stopped) == (held + arrived, False)


def test_stop_strings_that_nearly_match_take_a_step_for_each_character(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = 0

    def child(automaton: Automaton, state: int, character: str) -> int | None:
        nonlocal taken
        taken += 1
        return uncounted(automaton, state, character)

    uncounted = Automaton._child
    buffer = StopBuffer(["a" * length + "b" for length in range(936, 1000)])
    monkeypatch.setattr(Automaton, "_child", child)
    assert pushed(buffer, ["aaac"] * 3000) == (["aaac"] * 3000, False)
    assert taken <= 2 * 4 * 3000


@pytest.mark.parametrize(
    ("stops", "pieces", "shown"),
    [
        (["\n\n"], ["a\n", "b\n", "\nc"], ["a", "\nb", ""]),
        (["aab"], ["a", "a", "a", "b"], ["", "", "a", ""]),
        (["end", "den"], ["de", "nd"], ["", ""]),
        (["é"], ["caf", "é"], ["caf", ""]),
        ([], ["a", "b"], ["a", "b"]),
    ],
)
def test_examples(stops: list[str], pieces: list[str], shown: list[str]) -> None:
    assert pushed(StopBuffer(stops), pieces)[0] == shown


def test_a_buffer_is_empty_after_its_rest() -> None:
    buffer = StopBuffer(["ab"])
    assert buffer.push("xa") == ("x", False)
    assert (buffer.rest(), buffer.rest()) == ("a", "")
