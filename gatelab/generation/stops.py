"""Stop strings in text that arrives piece by piece."""

from collections.abc import Sequence


class StopBuffer:
    """Lets text through, but never any part of a stop string."""

    def __init__(self, stops: Sequence[str]) -> None:
        self.stops = tuple(stops)
        self._held = ""

    def push(self, piece: str) -> tuple[str, bool]:
        """Add `piece`. Returns the text that can be shown now, and whether a stop string was completed."""
        if not self.stops:
            return piece, False
        self._held += piece
        found = [at for at in map(self._held.find, self.stops) if at >= 0]
        if found:
            shown, self._held = self._held[: min(found)], ""
            return shown, True
        keep = max((self._begun(stop) for stop in self.stops), default=0)
        shown, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        return shown, False

    def rest(self) -> str:
        """What is still held back, when nothing more will come."""
        rest, self._held = self._held, ""
        return rest

    def _begun(self, stop: str) -> int:
        """Length of the longest end of the held text that is a beginning of `stop`."""
        longest = min(len(stop) - 1, len(self._held))
        return next((n for n in range(longest, 0, -1) if self._held.endswith(stop[:n])), 0)
