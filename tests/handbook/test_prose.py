"""The check of the prose finds each habit, and lets plain English pass."""

from pathlib import Path

import pytest

from scripts import prose

BAD = [
    "All jobs that are to be told of have been told of.",
    "The rates are tried anew.",
    "Steps of a call: so many.",
    "The path is no directory.",
    "It writes one line a run.",
    "It ends. Of these files the last one stays.",
    "Who has nothing left to do leaves.",
    "Every run is resumable to the bit.",
    "The worker goes on from the checkpoint before.",
    "It takes a file in the place of a folder.",
    "The report says what became of both.",
    "All of them, but for the last, are equal.",
    "The file is not there.",
    "Nothing of it is amiss.",
    "A revoked key is good for nothing.",
    "It is loaded once a process.",
    "The row, None where nothing is left.",
    "Values that the way back needs.",
    "Only tried: a reader may need the log.",
]
GOOD = [
    "There is no directory of this name, and it is no longer needed.",
    "GRU and LSTM could not be told apart.",
    "- GRU and LSTM could not be told\n  apart.",
    "The run is bitwise identical, and resumes from the last checkpoint.",
    "Of course it does. Who may see a run?",
    "As many as there are cores.",
    "It writes `one line a run`.",
    "Whoever controls the index could put a file in place of any package.",
    "The service answers 100 requests a second.",
]


@pytest.mark.parametrize("sentence", BAD)
@pytest.mark.parametrize("ending", [".md", ".py"])
def test_a_bad_habit_is_found(sentence: str, ending: str, tmp_path: Path) -> None:
    file = tmp_path / f"page{ending}"
    file.write_text(f'# A title\n\ntext = "{sentence}"\n' if ending == ".py" else f"# A title\n\n{sentence}\n")
    assert [finding.line for finding in prose.findings(file)][:1] == [3]


@pytest.mark.parametrize("sentence", GOOD)
def test_plain_english_passes(sentence: str, tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text(f"{sentence}\n\n```\ncode may say anew\n```\n")
    assert list(prose.findings(file)) == []


def test_a_long_line_of_prose_is_found_and_a_long_row_of_a_table_is_not(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text("word " * 40 + "\n\n| " + "cell " * 40 + "|\n")
    assert [finding.line for finding in prose.findings(file)] == [1]
