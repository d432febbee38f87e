import json
from pathlib import Path

import pytest

from client.api import Gatelab
from tests.client import fake as wire
from tests.client.conftest import Command
from tests.client.fake import FakeService, event, problem

SPEC = "corpus: book\ntraining:\n  epochs: 2\n"


@pytest.fixture
def spec(tmp_path: Path) -> str:
    file = tmp_path / "spec.yaml"
    file.write_text(SPEC)
    return str(file)


def test_a_corpus_is_added_as_it_is_on_disk(command: Command, fake: FakeService, tmp_path: Path) -> None:
    file = tmp_path / "book.txt"
    file.write_bytes("tëxt\r\n".encode())
    result = command("corpora", "add", "book", str(file))
    assert (result.exit_code, result.stdout) == (0, f"book: 5 characters, sha256 {'a' * 64}, id c-1\n")
    assert fake.asked[0][2] == {"name": "book", "text": "tëxt\r\n"}


def test_corpora_are_listed_and_deleted(command: Command, fake: FakeService) -> None:
    fake.corpora = [{"id": "c-1", "name": "book", "sha256": "ab" * 32, "characters": 5}]
    assert "book  c-1" in command("corpora", "list").stdout
    assert json.loads(command("corpora", "list", "--json").stdout)[0]["characters"] == 5
    assert command("corpora", "delete", "book").stdout == "book: deleted\n"


@pytest.mark.parametrize(("content", "reason"), [(b"\xff", "not UTF-8 text: see byte 0"), (None, "cannot be read")])
def test_a_file_that_is_no_text_is_named(command: Command, tmp_path: Path, content: bytes | None, reason: str) -> None:
    file = tmp_path / "book.txt"
    if content:
        file.write_bytes(content)
    result = command("corpora", "add", "book", str(file))
    assert result.exit_code == 1
    assert f"{file}: " in result.stderr
    assert reason in result.stderr


def test_a_spec_is_submitted_with_changes(command: Command, fake: FakeService, spec: str) -> None:
    result = command("submit", spec, "--set", "training.epochs=5", "--set", "grid.model.cell.hidden=[8, 16]")
    assert result.stdout == "job job-1: 1 runs queued\n"
    assert fake.asked[0][2] == {
        "corpus": "book",
        "training": {"epochs": 5},
        "grid": {"model.cell.hidden": [8, 16]},
    }


def test_a_spec_with_faults_is_not_sent(command: Command, fake: FakeService, spec: str) -> None:
    result = command("submit", spec, "--set", "training.epochs=0", "--set", "training.lr=1")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        f"{spec}: training.epochs: input should be greater than or equal to 1 (got 0)",
        f"{spec}: training.lr: unknown field",
    ]
    assert fake.asked == []


def test_every_problem_of_a_refusal_is_a_line(command: Command, fake: FakeService, spec: str) -> None:
    faults = (("training.epochs", "over the limit"), ("corpus", "there is none"))
    fake.refusals = [problem(422, "invalid-spec", "Invalid spec", "two faults", faults)]
    result = command("submit", spec)
    assert result.exit_code == 1
    assert result.stderr.splitlines() == ["training.epochs: over the limit", "corpus: there is none"]


def test_runs_are_a_table_and_json(command: Command, fake: FakeService) -> None:
    fake.runs = [wire.run("run-1"), wire.run("run-2", metrics={}, state="queued", epoch=0)]
    header, first, second = command("runs", "--job", "job-1").stdout.splitlines()
    assert header.split("  ")[0] == "run"
    assert first.split() == ["run-1", "gru", "reset", "32", "succeeded", "2", "4.50", "5.25", "2.392", "12.5", "123k"]
    assert second.split() == ["run-2", "gru", "reset", "32", "queued", "0", "-", "-", "-", "-", "-"]
    assert [run["id"] for run in json.loads(command("runs", "--json").stdout)] == ["run-1", "run-2"]


def test_jobs_are_a_table_and_json(command: Command) -> None:
    assert command("jobs").stdout.splitlines()[1].split() == [
        "job-1",
        "demo",
        "succeeded",
        "1",
        "1",
        "0",
        "100%",
        "0",
        "s",
    ]
    assert json.loads(command("jobs", "--json").stdout)[0]["runs"]["succeeded"] == 1


def test_a_run_is_shown(command: Command, fake: FakeService) -> None:
    fake.runs = [wire.run(state="failed", error={"type": "diverged", "message": "the loss is nan"})]
    shown = command("show", "run-1").stdout
    for part in ("failed on cpu", "diverged: the loss is nan", "kind: gru", "it has [bold]", "checkpoints: 50"):
        assert part in shown
    assert json.loads(command("show", "run-1", "--json").stdout)["error"]["type"] == "diverged"


def test_a_job_is_shown(command: Command) -> None:
    shown = command("show", "job-1").stdout
    assert "job job-1 (demo): succeeded, 1/1 runs done" in shown
    assert "run-1" in shown


def test_what_is_neither_run_nor_job_is_said_so(command: Command) -> None:
    result = command("show", "nothing")
    assert (result.exit_code, result.stderr) == (1, "there is no run or job 'nothing'\n")


def test_text_is_generated(command: Command, fake: FakeService) -> None:
    options = "--max-tokens 3 --temperature 0.5 --top-k 4 --top-p 0.9 --seed 7 --stop . --stop ! --checkpoint 50"
    result = command("generate", "run-1", "it", *options.split())
    assert result.stdout == "it has\n"
    assert result.stderr == "characters of the prefix that the model does not know: 1\n"
    sampling = {"max_tokens": 3, "temperature": 0.5, "top_k": 4, "top_p": 0.9, "seed": 7}
    left_out = {"min_p": None, "repetition_penalty": 1.0}
    assert fake.asked[0][2] == {"prompt": "it", **sampling, **left_out, "stop": [".", "!"], "checkpoint": 50}


def test_text_is_streamed_and_given_as_json(command: Command) -> None:
    assert command("generate", "run-1", "it", "--stream").stdout == "it has\n"
    assert json.loads(command("generate", "run-1", "it", "--json").stdout)["finish_reason"] == "length"


def test_a_checkpoint_is_a_step_or_latest(command: Command) -> None:
    result = command("generate", "run-1", "--checkpoint", "first")
    assert (result.exit_code, result.stderr) == (1, "checkpoint: must be a step, latest or best, not 'first'\n")


@pytest.mark.parametrize("act", ["cancel", "pause", "resume"])
def test_a_job_is_steered(command: Command, fake: FakeService, act: str) -> None:
    assert command(act, "job-1").stdout == "job job-1: succeeded, 1/1 runs done\n"
    assert fake.asked[0][:2] == ("POST", f"/v1/jobs/job-1/{act}")


def test_a_job_is_deleted(command: Command) -> None:
    assert command("delete", "job-1").stdout == "job job-1: deleted\n"


def test_watching_tells_what_happens(command: Command, fake: FakeService, spec: str) -> None:
    fake.events = [
        event(1, "run_started", run="run-1"),
        event(2, "progress", run="run-1", step=50, total_steps=100, tokens_per_second=1000.0),
        event(3, "evaluation", run="run-1", epoch=1, validation_perplexity=6.5, train_perplexity=None),
        event(4, "sample", run="run-1", text="it \x1b[31mis"),
        event(5, "run_succeeded", run="run-1"),
        event(6, "job_finished"),
    ]
    result = command("submit", spec, "--watch")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    name = "run-1 (gru reset 32 seed 3)"
    assert lines[2:6] == [
        f"{name}: started",
        f"{name}: epoch 1, step 50/100, perplexity 6.50 (train -), 2.392 bits/char, 1k tokens/s, 5 s left",
        f"{name}: 'it \\x1b[31mis'",
        f"{name}: succeeded",
    ]
    assert lines[-1].startswith("run-1")


def test_watching_a_job_that_failed_ends_with_1(command: Command, fake: FakeService) -> None:
    counts = {"total": 2, "succeeded": 1, "failed": 1}
    fake.jobs = [wire.job(state="failed", runs=counts)]
    error = {"type": "diverged", "message": "the loss is nan"}
    fake.events = [event(1, "run_failed", run="run-1", error=error), event(2, "job_finished")]
    result = command("watch", "job-1")
    assert result.exit_code == 1
    assert "run-1 (gru reset 32 seed 3): failed, diverged: the loss is nan" in result.stdout


def test_ctrl_c_leaves_the_job_alone(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Gatelab, "events", interrupted)
    result = command("watch", "job-1")
    assert result.exit_code == 130
    assert "job job-1 continues" in result.stderr


@pytest.mark.parametrize("wrong", [["runs", "--nonsense"], ["nonsense"], ["show"], ["up", "--port", "99999"]])
def test_wrong_usage_ends_with_2(command: Command, wrong: list[str]) -> None:
    assert command(*wrong).exit_code == 2


def test_no_service_is_one_line(command: Command) -> None:
    result = command("jobs", "--url", "http://127.0.0.1:1")
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert "gatelab up" in result.stderr
