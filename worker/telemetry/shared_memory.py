"""Numbers in memory that forked processes share."""

import mmap
from collections.abc import Iterator, Sequence


class SharedNumbers:
    """Rows of numbers in anonymous memory, zero at first. Processes that are forked afterwards share it.

    It has no lock that a killed process could leave behind. Every number may have one writer at a time, and is written
    atomically: a reader sees the value before or after.

    Args:
        names: the names of the numbers of a row.
        rows: the number of processes that may write at once, each to its own row.
    """

    def __init__(self, names: Sequence[str], rows: int) -> None:
        self.names = {name: place for place, name in enumerate(names)}
        self._rows, self._width = rows, len(names)
        self._memory = memoryview(mmap.mmap(-1, 8 * rows * self._width)).cast("d")

    def row(self, number: int) -> "memoryview[float]":
        """The numbers of one process, in the order of their names. A number beyond the last row wraps around."""
        begin = number % self._rows * self._width
        return self._memory[begin : begin + self._width]

    def total(self, name: str) -> float:
        """The sum over all rows."""
        return float(sum(self._memory[self.names[name] :: self._width]))

    def column(self, name: str) -> Iterator[float]:
        """The numbers of all rows."""
        yield from self._memory[self.names[name] :: self._width]
