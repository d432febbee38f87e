"""Numbers, times and text for people to read."""

import re
from typing import Any

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """Text of a model or a service without control characters, which could control the terminal."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def number(value: float | None, pattern: str = ".2f") -> str:
    """The number, or a dash if there is none."""
    return "-" if value is None else format(value, pattern)


def count(value: float | None) -> str:
    """A large number in three digits: 950, 12.3k, 1.50M."""
    if value is None:
        return "-"
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.0f}"


def duration(seconds: float | None) -> str:
    """Seconds as 12 s, 3:05 or 1:02:03."""
    if seconds is None:
        return "-"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02}:{rest:02}"
    return f"{minutes}:{rest:02}" if minutes else f"{rest} s"


def cell(spec: dict[str, Any]) -> str:
    """The cell of a run's spec in a word or two: lstm, rnn relu, gru, gru reset after, the name of equations."""
    found = spec.get("model", {}).get("cell", {})
    kind = str(found.get("kind", "-"))
    if kind == "gru":
        gates = found.get("gates", ["reset", "update"])
        named = "" if len(gates) == 2 else " " + ("+".join(gates) or "no gates")
        return kind + named + (" after" if found.get("reset") == "after" else "")
    if found.get("name"):
        return printable(str(found["name"]))
    return f"{kind} {found['activation']}" if found.get("activation", "tanh") != "tanh" else kind
