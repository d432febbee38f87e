"""Stop strings in text that arrives piece by piece."""

from array import array
from collections.abc import Sequence


class StopBuffer:
    """Lets text through, but never any part of a stop string.

    A piece of n characters takes O(n) steps, whatever the stop strings are.

    Args:
        held: the end of the earlier text that another buffer held back. A stop string may begin in it, but not end.

    Attributes:
        held: the text that is held back now.
    """

    def __init__(self, stops: Sequence[str], held: str = "") -> None:
        self._automaton, self._watches = Automaton(stops), bool(stops)
        self.held = held
        self._state = 0
        for character in held:
            self._state = self._automaton.step(self._state, character)

    def push(self, piece: str) -> tuple[str, bool]:
        """Add `piece`. Returns the text that can be shown now, and whether a stop string was completed."""
        if not self._watches:
            shown, self.held = self.held + piece, ""
            return shown, False
        automaton, state, begun = self._automaton, self._state, len(self.held)
        self.held += piece
        first = len(self.held)
        stopped = False
        for end, character in enumerate(piece, start=begun + 1):
            state = automaton.step(state, character)
            if longest := automaton.complete[state]:
                first, stopped = min(first, end - longest), True
        if stopped:
            shown, self.held = self.held[:first], ""
            return shown, True
        self._state = state
        keep = automaton.open[state]
        shown, self.held = self.held[: len(self.held) - keep], self.held[len(self.held) - keep :]
        return shown, False

    def rest(self) -> str:
        """The text that is still held back, when nothing more will come."""
        rest, self.held = self.held, ""
        return rest


class Automaton:
    """The automaton of Aho and Corasick (Communications of the ACM 18, 1975), which finds many strings in one pass.

    A state is the longest end of the text so far that one of the strings begins with; state 0 is the empty text. The
    states that a string adds follow each other, so that most have their only child right behind them: 64 strings of
    1,000 characters take about 2 MB.

    Attributes:
        complete: for each state, the length of the longest string that ends there; 0 if none does.
        open: for each state, the length of the longest end of the text that is the beginning of one of the strings.
    """

    def __init__(self, strings: Sequence[str]) -> None:
        self._next = [""]  # for each state, the character that leads to the state behind it
        self._branches: dict[tuple[int, str], int] = {}
        self._came = [(0, "")]  # for each state, the state that it comes from, and by which character
        self.complete, self.open = array("l", [0]), array("l", [0])
        for string in strings:
            self._add(string)
        self._fail = array("l", bytes(len(self.open) * self.open.itemsize))
        self._link()

    def step(self, state: int, character: str) -> int:
        """The state after one more character."""
        while (child := self._child(state, character)) is None:
            if not state:
                return 0
            state = self._fail[state]
        return child

    def _child(self, state: int, character: str) -> int | None:
        return state + 1 if self._next[state] == character else self._branches.get((state, character))

    def _add(self, string: str) -> None:
        state = 0
        for depth, character in enumerate(string, start=1):
            child = self._child(state, character)
            if child is None:
                child = len(self._next)
                if child == state + 1:
                    self._next[state] = character
                else:
                    self._branches[state, character] = child
                self._next.append("")
                self._came.append((state, character))
                self.complete.append(0)
                self.open.append(depth)
            state = child
        self.complete[state] = len(string)

    def _link(self) -> None:
        """Find for each state, the short ones first, its longest proper suffix that is a state too."""
        parents = {parent for parent, _ in self._came}
        for state in sorted(range(1, len(self.open)), key=self.open.__getitem__):
            parent, character = self._came[state]
            fail = self._fail[state] = self.step(self._fail[parent], character) if parent else 0
            self.complete[state] = self.complete[state] or self.complete[fail]
            if state not in parents:
                self.open[state] = self.open[fail]
        del self._came
