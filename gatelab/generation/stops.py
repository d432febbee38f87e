"""Stop strings in text that arrives piece by piece."""

from collections.abc import Sequence


class StopBuffer:
    """Lets text through, but never any part of a stop string.

    Args:
        held: what an earlier buffer held back of the text before. A stop string may begin in it, not end.

    Attributes:
        held: what is held back now.
    """

    def __init__(self, stops: Sequence[str], held: str = "") -> None:
        self.stops = tuple(stops)
        self.held = held
        self._earlier = len(held)

    def push(self, piece: str) -> tuple[str, bool]:
        """Add `piece`. Returns the text that can be shown now, and whether a stop string was completed."""
        self.held += piece
        found = [at for stop in self.stops if (at := self._find(stop)) >= 0]
        if found:
            shown, self.held = self.held[: min(found)], ""
            return shown, True
        keep = max((self._begun(stop) for stop in self.stops), default=0)
        shown, self.held = self.held[: len(self.held) - keep], self.held[len(self.held) - keep :]
        self._earlier = max(0, self._earlier - len(shown))
        return shown, False

    def rest(self) -> str:
        """What is still held back, when nothing more will come."""
        rest, self.held = self.held, ""
        return rest

    def _find(self, stop: str) -> int:
        """Where in the held text a stop string stands that ends in what is new; -1 if none does."""
        return self.held.find(stop, max(0, self._earlier - len(stop) + 1))

    def _begun(self, stop: str) -> int:
        """Length of the longest end of the held text that is a beginning of `stop`."""
        longest = min(len(stop) - 1, len(self.held))
        return next((n for n in range(longest, 0, -1) if self.held.endswith(stop[:n])), 0)
