"""What a terminal shows: rendered for real, into memory."""

import io
from typing import Any

import pytest
from rich.console import Console
from rich.progress import Progress as Bars

from gatelab.client import formatting, tables, watch
from gatelab.client.api import Gatelab
from gatelab.client.models import Event, Job, Run
from gatelab.client.output import print_table
from gatelab.client.progress import Progress, RunProgress
from tests.client.trained import Trained


def run_of(trained: Trained, **changes: Any) -> Run:
    """A run as the service answers it, with some fields changed."""
    return Run.model_validate(trained.run("done") | changes)


def test_bars_follow_the_runs(trained: Trained) -> None:
    screen = Console(file=io.StringIO(), force_terminal=True, width=200)
    progress = Progress({"run-1": RunProgress.of(run_of(trained, id="run-1", state="queued"))})
    with Bars(*watch.columns(), console=screen, auto_refresh=False) as bars:
        shown = watch.LiveBars(bars)
        shown.show_job(Job.model_validate(trained.job("done") | {"state": "running", "progress": 0.25}))
        for event in (
            Event(id=1, type="run_started", run="run-1"),
            Event(id=2, type="progress", run="run-1", data={"step": 40, "total_steps": 100}),
            Event(id=3, type="progress", run="run-2", data={"step": 1}),
        ):
            shown.show(event, progress.apply(event))
        assert [(task.completed, task.total) for task in bars.tasks] == [(0.25, 1.0), (40, 100), (1, None)]

        failed = Event(id=4, type="run_failed", run="run-1", data={"error": {"type": "diverged", "message": "nan"}})
        shown.show(failed, progress.apply(failed))
        assert [task.description for task in bars.tasks] == ["job done", "  run-2"]
        bars.refresh()
    assert isinstance(screen.file, io.StringIO)
    assert "failed: diverged: nan" in screen.file.getvalue()


def test_lines_say_that_a_cell_was_compiled(capsys: pytest.CaptureFixture[str]) -> None:
    progress, lines = Progress({"run-1": RunProgress("run-1", name="mine")}), watch.Lines()
    data = {"digest": "0f", "precision": "fp32", "seconds": 5.25}
    event = Event(id=1, type="compiling", run="run-1", data=data)
    lines.show(event, progress.apply(event))
    assert capsys.readouterr().out == "run-1 (mine): its cell was compiled in 5 s, once for this machine\n"


def test_bars_follow_a_job_from_its_first_event_to_its_last(trained: Trained, gatelab: Gatelab) -> None:
    screen = Console(file=io.StringIO(), force_terminal=True, width=200, highlight=False)
    progress = Progress()
    ends: dict[str, int] = {}
    with Bars(*watch.columns(), console=screen, auto_refresh=False) as bars:
        shown = watch.LiveBars(bars)
        for event in gatelab.events(trained.jobs["mixed"]):
            shown.show(event, progress.apply(event))
            for task in bars.tasks:
                assert task.total is None or task.completed <= task.total
                ends[task.description] = round(task.completed)
        assert bars.tasks == [], "no run goes on"
    assert ends == {f"  {run['id']}": run["step"] for run in trained.runs("mixed")}
    assert isinstance(screen.file, io.StringIO)
    assert f"failed: diverged: {trained.run('mixed', 1)['error']['message']}" in screen.file.getvalue()


def test_a_run_is_described_in_one_line(trained: Trained) -> None:
    training = {"num_steps": 10, "batch_size": 10, "seed": 3}
    run = run_of(
        trained,
        state="running",
        spec={"model": {"cell": {"kind": "gru", "gates": ["reset"], "hidden": 32}}, "training": training},
        step=50,
        total_steps=100,
        epoch=1,
        metrics={"validation_perplexity": 6.5, "bits_per_character": 2.392, "tokens_per_second": 1000.0},
    )
    progress = RunProgress.of(run)
    assert progress.name == "gru reset 32 seed 3"
    assert progress.describe() == (
        "epoch 1, step 50/100, perplexity 6.50 (train -), 2.392 bits/char, 1k tokens/s, 5 s left"
    )


def test_a_run_that_goes_back_to_the_queue_has_no_bar() -> None:
    progress = Progress()
    progress.apply(Event(id=1, type="run_started", run="run-1"))
    run = progress.apply(Event(id=2, type="state", run="run-1", data={"state": "queued"}))
    assert run
    assert run.state == "queued"


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "-"), (0, "0 s"), (59.6, "1:00"), (185, "3:05"), (3723, "1:02:03")]
)
def test_durations(seconds: float | None, text: str) -> None:
    assert formatting.duration(seconds) == text


@pytest.mark.parametrize(("value", "text"), [(None, "-"), (12, "12"), (12345, "12.3k"), (5.6e6, "5.6M"), (2e9, "2G")])
def test_counts(value: float | None, text: str) -> None:
    assert formatting.count(value) == text


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({"kind": "lstm"}, "lstm"),
        ({"kind": "rnn", "activation": "relu"}, "rnn relu"),
        ({"kind": "rnn", "activation": "tanh"}, "rnn"),
        ({"kind": "gru", "gates": ["reset", "update"], "reset": "after"}, "gru after"),
        ({"kind": "gru", "gates": []}, "gru no gates"),
        ({}, "-"),
    ],
)
def test_cells_have_short_names(spec: dict[str, object], text: str) -> None:
    assert formatting.cell({"model": {"cell": spec}}) == text


def test_tables_show_text_as_it_is_and_cut_nothing(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    run = run_of(trained, id="r" * 300, state="[bold]odd\x1b[2J")
    print_table(tables.RUN_COLUMNS, [tables.run_row(run)])
    shown = capsys.readouterr().out
    assert "r" * 300 in shown
    assert "[bold]odd\N{REPLACEMENT CHARACTER}[2J" in shown
