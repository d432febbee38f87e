"""What a terminal shows: rendered for real, into memory."""

import io

import pytest
from rich.console import Console
from rich.progress import Progress as Bars

from client import formats, tables, watch
from client.models import Event, Job, Run
from client.output import print_table
from client.progress import Progress, RunProgress
from tests.client import fake as wire


def test_bars_follow_the_runs() -> None:
    screen = Console(file=io.StringIO(), force_terminal=True, width=200)
    progress = Progress({"run-1": RunProgress.of(Run.model_validate(wire.run(state="queued")))})
    with Bars(*watch.columns(), console=screen, auto_refresh=False) as bars:
        shown = watch.LiveBars(bars)
        shown.show_job(Job.model_validate(wire.job(state="running", progress=0.25)))
        for event in (
            Event(id=1, type="run_started", run="run-1"),
            Event(id=2, type="progress", run="run-1", data={"step": 40, "total_steps": 100}),
            Event(id=3, type="progress", run="run-2", data={"step": 1}),
        ):
            shown.show(event, progress.apply(event))
        assert [(task.completed, task.total) for task in bars.tasks] == [(0.25, 1.0), (40, 100), (1, None)]

        failed = Event(id=4, type="run_failed", run="run-1", data={"error": {"type": "diverged", "message": "nan"}})
        shown.show(failed, progress.apply(failed))
        assert [task.description for task in bars.tasks] == ["job demo", "  run-2"]
        bars.refresh()
    assert isinstance(screen.file, io.StringIO)
    assert "failed: diverged: nan" in screen.file.getvalue()


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
    assert formats.duration(seconds) == text


@pytest.mark.parametrize(("value", "text"), [(None, "-"), (12, "12"), (12345, "12.3k"), (5.6e6, "5.6M"), (2e9, "2G")])
def test_counts(value: float | None, text: str) -> None:
    assert formats.count(value) == text


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
    assert formats.cell({"model": {"cell": spec}}) == text


def test_tables_show_text_as_it_is_and_cut_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    run = Run.model_validate(wire.run("r" * 300, state="[bold]odd\x1b[2J"))
    print_table(tables.RUN_COLUMNS, [tables.run_row(run)])
    shown = capsys.readouterr().out
    assert "r" * 300 in shown
    assert "[bold]odd\N{REPLACEMENT CHARACTER}[2J" in shown
