"""Tables in Markdown."""

from collections.abc import Iterable, Sequence


def show(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table, each row as soon as it exists. None is shown as -."""
    for line in (header, ["---"] * len(header)):
        _show(line)
    for row in rows:
        _show(row)
    print(flush=True)


def _show(cells: Sequence[object]) -> None:
    print("| " + " | ".join("-" if cell is None else str(cell) for cell in cells) + " |", flush=True)


def times(ratio: float) -> str:
    return f"{ratio:.2f} x"


def speed(tokens_per_second: float) -> str:
    """Millions of tokens per second."""
    return f"{tokens_per_second / 1e6:.3f} M"
