"""Processes that use a store, and that can be killed and frozen."""

import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection as Pipe
from typing import Any

from gatelab.launcher.orphans import die_with_parent
from gatelab.settings import Settings
from gatelab.store import Store
from tests.waiting import PATIENCE

# A child forked from a process with threads may hang, and a new interpreter for each would repeat all imports.
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["gatelab.store", "tests.faults.store.actors"])

Action = Callable[..., Any]


class Actor:
    """`action(store, pipe, *arguments)` in a process of its own, which begins on its first message.

    The action must be a function of a module, since it is sent by name.
    """

    def __init__(self, settings: Settings, action: Action, *arguments: Any) -> None:
        self.pipe, theirs = _CONTEXT.Pipe()
        self.process = _CONTEXT.Process(target=_act, args=(theirs, settings, action, arguments), daemon=True)
        self.process.start()
        theirs.close()
        assert self.receive() == "ready"

    def begin(self) -> None:
        self.pipe.send("begin")

    def receive(self) -> Any:
        """The next message of the action; the last one is its result. An exception of the action is raised here."""
        assert self.pipe.poll(PATIENCE), "the process says nothing"
        kind, value = self.pipe.recv()
        if kind == "error":
            raise AssertionError(f"in another process:\n{value}")
        return value

    def kill(self) -> None:
        self.process.kill()
        self.process.join(PATIENCE)

    def freeze(self) -> None:
        assert self.process.pid is not None
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process.pid is not None
        os.kill(self.process.pid, signal.SIGCONT)


@contextmanager
def actors(settings: Settings, actions: Sequence[tuple[Any, ...]]) -> Iterator[list[Actor]]:
    """A process for each (action, *arguments), ready to begin, and ended with the block."""
    made: list[Actor] = []
    try:
        for action, *arguments in actions:
            made.append(Actor(settings, action, *arguments))
        yield made
    finally:
        for actor in made:
            actor.kill()
            actor.pipe.close()


def results(settings: Settings, *actions: tuple[Any, ...]) -> list[Any]:
    """The results of simultaneous actions, each in a process of its own."""
    with actors(settings, actions) as made:
        for actor in made:
            actor.begin()
        return [actor.receive() for actor in made]


def say(pipe: Pipe, value: Any) -> None:
    """Send something to the process that started this one."""
    pipe.send(("value", value))


def _act(pipe: Pipe, settings: Settings, action: Action, arguments: Sequence[Any]) -> None:
    die_with_parent()
    with Store(settings) as store:
        store.count_runs()
        say(pipe, "ready")
        assert pipe.recv() == "begin"
        try:
            say(pipe, action(store, pipe, *arguments))
        except BaseException:
            pipe.send(("error", traceback.format_exc()))
            sys.exit(1)
