"""Each target briefly, the same every time; and each finds the faults for which it exists."""

from typing import Any

import pytest

from gatelab import checkpoint
from gatelab.generation import Sealer
from gatelab.store.backup import archive
from gatelab.text import tokenizers
from tests.fuzz import targets
from tests.fuzz.__main__ import fuzz, main
from tests.fuzz.targets import TARGETS

EXAMPLES = 60


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_is_found(name: str) -> None:
    fuzz(TARGETS[name], 7, EXAMPLES)


def broken_reader(*_: Any, **__: Any) -> Any:
    raise ZeroDivisionError


BREAKS: dict[str, tuple[Any, str]] = {
    "spec": (targets, "parse"),
    "checkpoint": (checkpoint, "_document"),
    "session": (Sealer, "_sign"),
    "backup": (archive, "_header"),
    "tokenizer": (tokenizers.CharTokenizer, "encode"),
    "cursor": (targets, "read_cursor"),
}


@pytest.mark.parametrize("name", TARGETS)
def test_an_error_that_is_not_promised_is_a_find(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*BREAKS[name], broken_reader)
    with pytest.raises(ZeroDivisionError):
        fuzz(TARGETS[name], 7, 300)


def test_the_command_says_what_it_did(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seconds", "0", "--seed", "3", "cursor", "session"]) == 0
    assert capsys.readouterr().out == "seed 3: nothing found in 50 of cursor, 50 of session\n"


def test_unknown_targets_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["everything"])
    assert "unknown targets: everything" in capsys.readouterr().err
