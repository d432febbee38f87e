"""Results that survive an interruption: a file of JSON lines, to which each result is appended at once."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


class ResultLog:
    """The records of one benchmark with one set of settings, which are in the file's first line.

    Raises:
        ValueError: the file has the results of other settings.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self.path = path
        self._records: list[dict[str, Any]] = []
        if path.exists():
            found, *self._records = map(json.loads, path.read_text(encoding="utf-8").splitlines())
            if found != settings:
                raise ValueError(f"{path} has results for {found}, not for {dict(settings)}: name another file")
        else:
            self._write(settings)

    def add(self, kind: str, **values: Any) -> None:
        """Append a record."""
        self._records.append({"kind": kind, **values})
        self._write(self._records[-1])

    def of(self, kind: str) -> Iterator[dict[str, Any]]:
        """The records of a kind, oldest first."""
        return (record for record in self._records if record["kind"] == kind)

    def _write(self, line: Mapping[str, Any]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
