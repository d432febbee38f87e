"""The commands on the real service: their requests, and what they print of the answers."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from gatelab.client.formatting import count
from tests.client.live import Live
from tests.client.trained import PREFIX, Trained
from tests.client.wire import PAGE

HARMLESS = PREFIX.replace("\x1b", "\N{REPLACEMENT CHARACTER}")
"""PREFIX as a command shows it."""


# -- Corpora ----------------------------------------------------------------------------------------------------------


def test_a_corpus_is_added_as_it_is_on_disk(fresh: Live, tmp_path: Path) -> None:
    file, content = tmp_path / "book.txt", "tëxt\r\n".encode()
    file.write_bytes(content)
    result = fresh.command("corpora", "add", "book", str(file))
    made = fresh.raw("/v1/corpora/book")
    digest = hashlib.sha256(content).hexdigest()
    line = f"book: 6 characters, sha256 {digest}, id {made['id']}"
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, line)
    assert fresh.raw("/v1/corpora/book/text")["text"].encode() == content


def test_corpora_are_listed_and_deleted(fresh: Live) -> None:
    [corpus] = fresh.raw("/v1/corpora")["data"]
    row = ["wells", corpus["id"], str(corpus["characters"]), corpus["sha256"][:12]]
    assert fresh.command("corpora", "list").stdout.splitlines()[1].split() == row
    [as_json] = json.loads(fresh.command("corpora", "list", "--json").stdout)
    assert as_json["sha256"] == corpus["sha256"]
    assert fresh.command("corpora", "delete", "wells").stdout == "wells: deleted\n"
    assert fresh.raw("/v1/corpora")["data"] == []


@pytest.mark.parametrize(
    ("content", "reason"), [(b"\xff", "must be UTF-8 text; byte 0 (0xff, in line 1) is not"), (None, "cannot be read")]
)
def test_a_file_that_is_no_text_is_named(trained: Trained, tmp_path: Path, content: bytes | None, reason: str) -> None:
    file = tmp_path / "book.txt"
    if content:
        file.write_bytes(content)
    result = trained.command("corpora", "add", "book", str(file))
    assert result.exit_code == 1
    assert f"{file}: " in result.stderr
    assert reason in result.stderr
    assert trained.wire.asked == []


# -- Lists ------------------------------------------------------------------------------------------------------------


def run_cells(run: Any) -> list[str]:
    """The words of a run's line in a table, from the service's answer."""
    metrics = run["metrics"]
    numbers = (
        ("train_perplexity", "{:.2f}".format),
        ("validation_perplexity", "{:.2f}".format),
        ("bits_per_character", "{:.3f}".format),
        ("seconds", "{:.1f}".format),
        ("tokens_per_second", count),
    )
    shown = ["-" if metrics[name] is None else form(metrics[name]) for name, form in numbers]
    return [run["id"], "gru", "6", run["state"], str(run["epoch"]), *shown]


def test_runs_are_a_table_and_json(trained: Trained) -> None:
    mixed = trained.runs("mixed")
    header, *rows = trained.command("runs", "--job", trained.jobs["mixed"]).stdout.splitlines()
    assert header.split("  ")[0] == "run"
    assert [row.split() for row in rows] == [run_cells(run) for run in mixed]

    everything = trained.raw("/v1/runs")["data"]
    assert len(everything) > PAGE
    header, *rows = trained.command("runs").stdout.splitlines()
    assert [row.split() for row in rows] == [run_cells(run) for run in everything]
    as_json = json.loads(trained.command("runs", "--json").stdout)
    assert [run["id"] for run in as_json] == [run["id"] for run in everything]
    assert [run["metrics"]["seconds"] for run in as_json] == [run["metrics"]["seconds"] for run in everything]


def test_jobs_are_a_table_and_json(trained: Trained) -> None:
    header, *rows = trained.command("jobs").stdout.splitlines()
    assert header.split() == ["job", "name", "state", "runs", "done", "failed", "progress", "left"]
    expected = {
        "waiting": ["queued", "1", "0", "0", "0%", "-"],
        "memory": ["succeeded", "1", "1", "0", "100%", "0", "s"],
        "mixed": ["failed", "2", "2", "1", f"{trained.job('mixed')['progress']:.0%}", "0", "s"],
        "done": ["succeeded", "1", "1", "0", "100%", "0", "s"],
        "stopped": ["cancelled", "1", "1", "0", f"{trained.job('stopped')['progress']:.0%}", "0", "s"],
    }
    assert [row.split() for row in rows] == [[trained.jobs[name], name, *cells] for name, cells in expected.items()]
    as_json = json.loads(trained.command("jobs", "--json").stdout)
    assert [job["runs"] for job in as_json] == [job["runs"] for job in trained.raw("/v1/jobs")["data"]]


# -- One run or job ---------------------------------------------------------------------------------------------------


def test_a_run_is_shown(trained: Trained) -> None:
    run = trained.run("done")
    shown = trained.command("show", run["id"]).stdout
    steps = ", ".join(str(step) for step in range(1, run["step"] + 1))
    for part in ("succeeded on cpu", "kind: gru", f"sample: {HARMLESS}", f"checkpoints: {steps}\n"):
        assert part in shown
    assert "\x1b" not in shown
    as_json = json.loads(trained.command("show", run["id"], "--json").stdout)
    assert (as_json["id"], as_json["sample"]) == (run["id"], run["sample"])


def test_a_run_that_failed_is_shown_with_its_error(trained: Trained) -> None:
    run = trained.run("mixed", 1)
    shown = trained.command("show", run["id"]).stdout
    assert "failed on cpu\n" in shown
    assert f"error: diverged: {run['error']['message']}\n" in shown
    assert json.loads(trained.command("show", run["id"], "--json").stdout)["error"] == run["error"]


def test_a_run_that_waits_is_shown(trained: Trained) -> None:
    shown = trained.command("show", trained.run("waiting")["id"]).stdout
    assert ": queued\n" in shown
    assert "checkpoints: none yet\n" in shown


def test_a_job_is_shown(trained: Trained) -> None:
    shown = trained.command("show", trained.jobs["mixed"]).stdout
    assert f"job {trained.jobs['mixed']} (mixed): failed, 2/2 runs done, 1 failed\n" in shown
    for run in trained.runs("mixed"):
        assert run["id"] in shown


def test_what_is_neither_run_nor_job_is_said_so(trained: Trained) -> None:
    result = trained.command("show", "nothing")
    assert (result.exit_code, result.stderr) == (1, "there is no run or job 'nothing'\n")


# -- Generation -------------------------------------------------------------------------------------------------------


def test_text_is_generated(trained: Trained) -> None:
    path = f"/v1/runs/{trained.run('done')['id']}/generate"
    options = "--max-tokens 30 --temperature 0.5 --top-k 4 --top-p 0.9 --seed 7 --stop zz --stop yy --checkpoint 3"
    result = trained.command("generate", trained.run("done")["id"], "the é", *options.split())
    sampling = {"max_tokens": 30, "temperature": 0.5, "top_k": 4, "top_p": 0.9, "seed": 7}
    left_out = {"min_p": None, "repetition_penalty": 1.0}
    body = {"prompt": "the é", **sampling, **left_out, "stop": ["zz", "yy"], "checkpoint": 3}
    assert trained.wire.asked[0].body == body
    assert result.stdout == f"the é{trained.raw_post(path, body)['text']}\n"
    assert result.stderr == "characters of the prefix that the model does not know: 1\n"


def test_text_is_streamed_and_given_as_json(trained: Trained) -> None:
    run = trained.run("done")["id"]
    options = ("generate", run, "the ", "--seed", "1")
    whole = trained.raw_post(f"/v1/runs/{run}/generate", {"prompt": "the ", "seed": 1, "max_tokens": 100})
    streamed = trained.command(*options, "--stream")
    assert trained.wire.asked[-1].body["stream"] is True
    assert streamed.stdout == trained.command(*options).stdout == f"the {whole['text']}\n"
    as_json = json.loads(trained.command(*options, "--json").stdout)
    assert (as_json["text"], as_json["finish_reason"]) == (whole["text"], "length")


def test_a_checkpoint_is_a_step_or_latest(trained: Trained) -> None:
    result = trained.command("generate", "run", "--checkpoint", "first")
    assert (result.exit_code, result.stderr) == (1, "checkpoint: must be a step, auto, latest or best, not 'first'\n")
    assert trained.wire.asked == []


def test_a_model_is_exported_in_the_format_of_its_ending(trained: Trained, tmp_path: Path) -> None:
    run = trained.run("done")["id"]
    for name, format in (("model.safetensors", "safetensors"), ("generate.py", "numpy")):
        file = tmp_path / name
        result = trained.command("export", run, str(file))
        assert (result.exit_code, result.stderr) == (0, f"wrote {file.stat().st_size:,} bytes to {file}\n")
        assert ("format", format) in trained.wire.asked[-1].query
    result = trained.command("export", run, str(tmp_path / "model.pt"))
    assert (result.exit_code, result.stderr.partition(" is not known")[0]) == (
        1,
        "format: the ending '.pt' of 'model.pt'",
    )
    assert not (tmp_path / "model.pt").exists()


# -- Wrong use --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [["runs", "--nonsense"], ["nonsense"], ["show"], ["up", "--port", "99999"]])
def test_wrong_usage_ends_with_2(trained: Trained, wrong: list[str]) -> None:
    assert trained.command(*wrong).exit_code == 2
    assert trained.wire.asked == []


@pytest.mark.parametrize("command", [["cells"], ["corpora", "add"], ["keys", "create"]])
def test_help_is_plain_at_every_level(trained: Trained, command: list[str]) -> None:
    result = trained.command(*command, "--help")
    assert result.stdout.startswith("Usage: ")
    assert result.stdout.isascii(), "no boxes"


def test_no_service_is_one_line(trained: Trained) -> None:
    result = trained.command("jobs", "--url", "http://127.0.0.1:1")
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert "gatelab up" in result.stderr
