"""Threads that compute take turns, in order, and none of them waits for ever."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from service import turns
from service.turns import Turns
from tests.waiting import eventually


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is, no thread here gives up waiting."""
    monkeypatch.setattr(turns, "PATIENCE_SECONDS", 60.0)


class Scene:
    """Threads that take turns, and what they did, in order."""

    def __init__(self, at_once: int) -> None:
        self.turns, self.done, self.threads = Turns(at_once), list[str](), ThreadPoolExecutor(8)

    def begin(self, name: str, compute: Callable[[], object] = lambda: None) -> "Future[None]":
        def in_thread() -> None:
            with self.turns.turn():
                self.done.append(name)
                compute()

        return self.threads.submit(in_thread)

    def wait_for(self, waiting: int) -> None:
        eventually(lambda: len(self.turns._waiting) == waiting, f"{waiting} threads wait")

    def wait_until_done(self, *names: str) -> None:
        eventually(lambda: sorted(self.done) == sorted(names), f"{', '.join(names)} have had turns")


def test_no_more_compute_at_once_and_the_others_follow_in_order() -> None:
    scene, go = Scene(2), threading.Event()
    first = [scene.begin(name, go.wait) for name in "ab"]
    scene.wait_until_done("a", "b")
    others = []
    for number, name in enumerate("cdefg", 1):
        others.append(scene.begin(name))
        scene.wait_for(number)
    assert len(scene.done) == 2
    go.set()
    for each in (*first, *others):
        each.result(60)
    assert sorted(scene.done[2:]) == list("cdefg")
    assert scene.turns._free == 2


def test_one_at_a_time_follow_in_the_order_in_which_they_asked() -> None:
    scene, go = Scene(1), threading.Event()
    threads = [scene.begin("a", go.wait)]
    scene.wait_until_done("a")
    for number, name in enumerate("bcdefg", 1):
        threads.append(scene.begin(name))
        scene.wait_for(number)
    go.set()
    for each in threads:
        each.result(60)
    assert scene.done == list("abcdefg")


def test_a_thread_that_pauses_lets_those_go_first_that_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "QUANTUM_SECONDS", 0.0)
    scene = Scene(1)

    def pauses() -> None:
        scene.turns.pause()  # nobody waits: it continues
        scene.begin("b")
        scene.begin("c")
        scene.wait_for(2)
        scene.turns.pause()
        scene.done.append("a again")

    scene.begin("a", pauses).result(60)
    scene.wait_until_done("a", "a again", "b", "c")
    assert scene.done[0] == "a"
    assert scene.done[-1] == "a again"


def test_a_thread_goes_on_that_has_not_computed_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "QUANTUM_SECONDS", 60.0)
    scene = Scene(1)

    def pauses() -> None:
        scene.begin("b")
        scene.wait_for(1)
        scene.turns.pause()
        scene.done.append("a again")

    scene.begin("a", pauses).result(60)
    scene.wait_until_done("a", "a again", "b")
    assert scene.done == ["a", "a again", "b"]


def test_a_thread_computes_beside_the_others_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that has the turn may wait for it, as for a model that both of them need."""
    monkeypatch.setattr(turns, "PATIENCE_SECONDS", 0.01)
    scene, needed = Scene(1), threading.Event()
    waits = scene.begin("a", needed.wait)
    scene.wait_until_done("a")
    scene.begin("b", needed.set).result(60)
    waits.result(60)
    assert scene.turns._free == 1
    assert not scene.turns._waiting


def test_a_turn_that_ends_in_an_error_is_given_back() -> None:
    scene = Scene(1)

    def fails() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        scene.begin("a", fails).result(60)
    scene.begin("b").result(60)
