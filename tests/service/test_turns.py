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
    assert not scene.turns._began


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
    assert not scene.turns._began
    assert not scene.turns._waiting


class Clock:
    """A clock that stands still until the test sets it."""

    def __init__(self) -> None:
        self.now, self.looks = 0.0, 0

    def monotonic(self) -> float:
        self.looks += 1
        return self.now


def test_nobody_loses_patience_while_turns_are_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many wait: each is given its turn soon enough by the one before it."""
    clock = Clock()
    monkeypatch.setattr(turns, "PATIENCE_SECONDS", 0.01)
    monkeypatch.setattr(turns, "time", clock)
    scene, go = Scene(1), threading.Event()
    threads = [scene.begin("a", go.wait)]
    scene.wait_until_done("a")
    threads += [scene.begin(name) for name in "bcd"]
    seen = clock.looks
    eventually(lambda: clock.looks > seen + 20 or len(scene.done) > 1, "those that wait have looked several times")
    assert scene.done == ["a"]
    go.set()
    for each in threads:
        each.result(60)


def test_a_turn_that_was_kept_for_too_long_is_free_for_all_that_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread in native code does not need the interpreter, so only the first of the others waits for it."""
    monkeypatch.setattr(turns, "PATIENCE_SECONDS", 0.01)
    scene, go = Scene(1), threading.Event()
    long = scene.begin("a", go.wait)
    scene.wait_until_done("a")
    scene.begin("b").result(60)
    monkeypatch.setattr(turns, "PATIENCE_SECONDS", 60.0)
    try:
        scene.begin("c").result(30)
    finally:
        go.set()
    long.result(60)


def test_a_thread_that_kept_its_turn_for_too_long_takes_another_when_it_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "PATIENCE_SECONDS", 0.01)
    scene, computes, go = Scene(1), threading.Event(), threading.Event()

    def too_long() -> None:
        computes.wait()
        scene.turns.pause()
        scene.done.append("a again")

    long = scene.begin("a", too_long)
    scene.wait_until_done("a")
    second = scene.begin("b", go.wait)
    scene.wait_until_done("a", "b")
    monkeypatch.setattr(turns, "PATIENCE_SECONDS", 60.0)
    computes.set()
    eventually(lambda: scene.turns._paused, "the first waits for another turn")
    assert scene.done == ["a", "b"]
    go.set()
    for each in (long, second):
        each.result(60)
    assert scene.done == ["a", "b", "a again"]


def test_a_thread_that_begins_does_not_wait_behind_all_that_continue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "QUANTUM_SECONDS", 0.0)
    scene = Scene(1)
    threads = []

    def a() -> None:
        threads.append(scene.begin("b", lambda: pauses("b")))
        scene.wait_for(1)
        threads.append(scene.begin("c", lambda: pauses("c")))
        scene.wait_for(2)
        pauses("a")
        # Now b and c have paused, too.
        threads.append(scene.begin("d"))
        eventually(lambda: scene.turns._waiting, "d waits")

    def pauses(name: str) -> None:
        scene.turns.pause()
        scene.done.append(f"{name} again")

    scene.begin("a", a).result(60)
    for each in threads:
        each.result(60)
    assert scene.done == ["a", "b", "c", "a again", "d", "b again", "c again"]


def test_threads_that_begin_do_not_keep_one_from_continuing(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(turns, "PATIENCE_SECONDS", 0.01)
    monkeypatch.setattr(turns, "QUANTUM_SECONDS", -1.0)
    monkeypatch.setattr(turns, "time", clock)
    scene, go = Scene(1), threading.Event()
    before: list[str] = []

    def pauses() -> None:
        scene.begin("b", go.wait)
        scene.wait_for(1)
        scene.begin("c")
        scene.wait_for(2)
        scene.turns.pause()
        before.extend(scene.done)

    long = scene.begin("a", pauses)
    scene.wait_until_done("a", "b")
    clock.now = 1.0
    long.result(60)
    assert before == ["a", "b"]
    go.set()
    scene.wait_until_done("a", "b", "c")


def test_a_turn_that_ends_in_an_error_is_given_back() -> None:
    scene = Scene(1)

    def fails() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        scene.begin("a", fails).result(60)
    scene.begin("b").result(60)
