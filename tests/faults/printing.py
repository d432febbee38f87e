"""Prints the results of faults after all tests, whatever process they ran in. Imports nothing slow."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

SEED = os.environ.get("GATELAB_FAULTS_SEED", "4")
"""The setting that repeats the random choices of a campaign: which run is affected, when, and what comes next."""

_PROPERTY = "fault"

Line = Sequence[str]


def as_property(head: Line, cells: Line) -> tuple[str, list[list[str]]]:
    """A row of the table and the table's head, as the report of a test carries them."""
    return _PROPERTY, [list(head), list(cells)]


def markdown(lines: Sequence[Line]) -> str:
    """A table with a header and rows, whose first two columns are words."""
    head, *rows = lines
    rule = ["---"] * 2 + ["---:"] * (len(head) - 2)
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, rule, *rows))


class FaultsTable:
    """A plugin that prints the rows of all tests."""

    def __init__(self, config: pytest.Config) -> None:
        self._config, self._lines = config, list[Line]()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "teardown":
            rows = [cast(list[Line], value) for name, value in report.user_properties if name == _PROPERTY]
            for head, cells in rows:
                self._lines += [cells] if self._lines else [head, cells]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self._lines:
            return
        text = markdown(self._lines)
        terminalreporter.section(f"faults (GATELAB_FAULTS_SEED={SEED})")
        terminalreporter.write_line(text)
        # The option exists only if the tests of this folder are run.
        if path := self._config.getoption("--faults-table", default=None):
            Path(path).write_text(text + "\n", encoding="utf-8")
