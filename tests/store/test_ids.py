import re
import time
from typing import get_args

import pytest

from gatelab.store.ids import Kind, looks_like_id, new_id


def test_an_id_is_short_and_safe_in_a_url() -> None:
    assert re.fullmatch(r"run-[0-9a-hjkmnp-tv-z]{18}", new_id("run"))


def test_an_id_begins_with_the_time_of_its_making(monkeypatch: pytest.MonkeyPatch) -> None:
    later = time.time_ns() + 10**12  # later than any id that was made here before
    monkeypatch.setattr(time, "time_ns", lambda: later)
    digits = "0123456789abcdefghjkmnpqrstvwxyz"
    number = sum(digits.index(letter) << 5 * place for place, letter in enumerate(reversed(new_id("run")[4:])))
    assert number >> 40 == later // 10**6


@pytest.mark.parametrize("step", [0, -(10**9)], ids=["at one time", "while the clock goes back"])
def test_ids_of_a_process_ascend(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter(range(time.time_ns(), -(10**30), step)) if step else None
    monkeypatch.setattr(time, "time_ns", lambda: next(times) if times else 10**18)
    ids = [new_id("run") for _ in range(1000)]
    assert ids == sorted(set(ids))


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_id_looks_like_one(kind: Kind) -> None:
    assert all(looks_like_id(new_id(kind)) for _ in range(100))


@pytest.mark.parametrize(
    "name", ["run", "run-1", "runs-0123456789abcdefgh", "run-0123456789abcdefghj", "run-0123456789abcdefgu"]
)
def test_other_names_do_not(name: str) -> None:
    assert not looks_like_id(name)
