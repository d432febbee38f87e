"""No command ends in a traceback. A character that the terminal's encoding lacks is shown as its number."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from gatelab.client.main import app
from tests.client.live import Live, live
from tests.service.installation import spec

ODD = "é文😀"
"""Latin-1 has the first character, and ASCII has none of them."""
NOT_UNICODE = "\udcff"
"""A byte of a command line that is not UTF-8."""
TEXT = f"the time machine, {ODD}. the time traveller. " * 12


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """An installation whose corpus, sample and answers are full of such characters."""
    with live(tmp_path_factory.mktemp("odd")) as place:
        place.service.client.post("/v1/corpora", json={"name": "odd", "text": TEXT})
        place.service.submit(spec(sample={"prefix": ODD, "characters": 12}, epochs=1) | {"corpus": "odd"})
        place.service.work()
        yield place


def commands(place: Live, folder: Path) -> dict[str, list[list[str]]]:
    """Each command, with arguments that make it print such characters if it can."""
    [job] = [job["id"] for job in place.service.get("/v1/jobs")["data"]]
    [run] = [run["id"] for run in place.service.get("/v1/runs")["data"]]
    file, wrong = folder / f"{ODD}.txt", folder / f"{ODD}.yaml"
    file.write_text(TEXT, encoding="utf-8")
    wrong.write_text(f"{ODD}: {ODD}", encoding="utf-8")
    right = folder / "right.yaml"
    right.write_text(f"corpus: odd\ntraining: {{sample: {{prefix: {ODD}}}}}", encoding="utf-8")
    named = [[ODD], [NOT_UNICODE]]
    return {
        "version": [[]],
        "corpora add": [["odd", str(file)], [ODD, str(file)], ["x", str(folder / ODD)]],
        "corpora make": [[ODD, "--lag", "1"]],
        "corpora list": [[]],
        "corpora delete": named,
        "cells list": [[], ["--json"]],
        "cells show": [["mgu"], [ODD], [NOT_UNICODE]],
        "cells check": [[str(file)], [str(folder / ODD)], [str(wrong)]],
        "keys create": [[ODD], ["a", "--scope", ODD]],
        "keys list": [[], ["--json"]],
        "keys rotate": named,
        "keys revoke": named,
        "recipes": [[], ["--json"]],
        "submit": [
            [str(wrong)],
            [str(right), "--dry-run"],
            [str(right), "--set", f"name={ODD}"],
            [ODD],
            [f"recipe:{ODD}"],
        ],
        "watch": [[job], *named],
        "jobs": [[], ["--json"], [ODD]],
        "runs": [[], ["--job", ODD], ["--job", NOT_UNICODE]],
        "show": [[run], [job], [job, "--json"], *named],
        "report": [[job], [job, "--format", "html"], [job, "--tuned", ODD], [job, "--format", ODD], *named],
        "compare": [[run], *named],
        "generate": [
            [run, "a", "--checkpoint", "9" * 5000],
            [run, ODD],
            [run, ODD, "--stream"],
            [run, ODD, "--json"],
            [run, NOT_UNICODE],
            *named,
        ],
        "export": [[run, ODD], [ODD, "model.py"], [run, "model.py", "--checkpoint", ODD], [run, "a", "--format", ODD]],
        "gates": [
            [run, ODD],
            [run, ODD, "--hold", ODD],
            [run, NOT_UNICODE],
            *([run, "a", "--hold", f"{'9' * digits}.update=1@{'9' * digits}"] for digits in (7, 8, 5000)),
            *([run, "a", "--influence", "9" * digits] for digits in (7, 8, 5000)),
            [run, "a", "--unit", "9" * 5000],
        ],
        "recall": [[ODD, "--lag", "1"], [run, "--lag", "1", "--checkpoint", ODD]],
        "cancel": named,
        "pause": named,
        "resume": named,
        "delete": named,
        # These commands become or start other programs; here they are given arguments that they must refuse.
        "up": [["--port", ODD]],
        "demo": [[ODD]],
        "backup": [["--data-dir", ODD]],
        "restore": [["--data-dir", ODD]],
    }


def names(group: Any, before: str = "") -> Iterator[str]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from names(command, f"{before}{name} ")
        else:
            yield before + name


def test_no_command_is_left_out(odd: Live, tmp_path: Path) -> None:
    assert set(commands(odd, tmp_path)) == set(names(typer.main.get_command(app)))


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_every_command_ends_in_order_on_any_terminal(encoding: str, odd: Live, tmp_path: Path) -> None:
    for name, lines in commands(odd, tmp_path).items():
        for line in lines:
            result = odd.command(*name.split(), *line, encoding=encoding)
            assert result.exception is None or isinstance(result.exception, SystemExit), (name, line, result.exception)


@pytest.mark.parametrize(
    ("encoding", "shown"), [("ascii", "\\xe9\\u6587\\U0001f600"), ("latin-1", "é\\u6587\\U0001f600"), ("utf-8", ODD)]
)
def test_what_the_terminal_lacks_is_shown_by_its_number(encoding: str, shown: str, odd: Live) -> None:
    [run] = [run["id"] for run in odd.service.get("/v1/runs")["data"]]
    assert odd.command("generate", run, ODD, encoding=encoding).stdout.startswith(shown)
    assert f"prefix: {shown}" in odd.command("show", run, encoding=encoding).stdout
    missing = odd.command("show", ODD, encoding=encoding)
    assert (missing.exit_code, missing.stderr) == (1, f"there is no run or job '{shown}'\n")


@pytest.mark.parametrize(("encoding", "marks"), [("ascii", "?a?m?"), ("utf-8", "▸a·m?")])
def test_a_heat_map_has_a_column_for_every_step_on_any_terminal(encoding: str, marks: str, odd: Live) -> None:
    [run] = [run["id"] for run in odd.service.get("/v1/runs")["data"]]
    lines = odd.command("gates", run, "a m\u200b", encoding=encoding).stdout.splitlines()
    assert lines[1].strip() == marks
    assert len({len(line) for line in lines[1:4]}) == 1


def test_the_programs_that_commands_go_on_as_can_print_any_path(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "GATELAB_DATA_DIR": str(tmp_path / ODD)}
    shown = str(tmp_path / ODD).encode("ascii", errors="backslashreplace")

    def run(*arguments: str) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, check=False)

    migrated = run("gatelab.store.migrate")
    assert migrated.returncode == 0, migrated.stderr
    made = run("gatelab.store.backup", "make", str(tmp_path / ODD / "backup"))
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith(shown)
    (tmp_path / "file").touch()
    up = run("gatelab.launcher", "--data-dir", str(tmp_path / "file" / ODD), "--port", "0")
    assert up.returncode == 1
    assert b"Traceback" not in up.stderr
