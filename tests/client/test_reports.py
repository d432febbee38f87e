"""`gatelab report`, `gatelab compare` and `gatelab submit --dry-run`."""

from pathlib import Path

import pytest

from client.api import Gatelab
from tests.client import fake as wire
from tests.client.conftest import Command
from tests.client.fake import FakeService, problem

REPORT = "| a |\n\x1b[31m é\n"


@pytest.fixture
def spec(tmp_path: Path) -> str:
    file = tmp_path / "spec.yaml"
    file.write_text("corpus: book\n")
    return str(file)


def test_a_report_is_printed_as_it_is_for_a_pipe(command: Command, fake: FakeService) -> None:
    assert command("report", "job-1").stdout == REPORT
    assert fake.asked[0][:2] == ("GET", "/v1/jobs/job-1/report")
    assert fake.queries == [[("format", "md")]]


@pytest.mark.parametrize(
    ("options", "name", "format"),
    [((), "r.html", "html"), ((), "r.csv", "csv"), ((), "r.txt", "md"), (("--format", "json"), "r.html", "json")],
)
def test_a_file_s_name_says_its_format_unless_an_option_does(
    options: tuple[str, ...], name: str, format: str, command: Command, fake: FakeService, tmp_path: Path
) -> None:
    file = tmp_path / name
    result = command("report", "job-1", "--output", str(file), *options)
    assert (result.exit_code, result.stdout) == (0, "")
    assert file.read_bytes() == REPORT.encode()
    assert fake.queries == [[("format", format)]]


def test_paths_are_tuned(command: Command, fake: FakeService) -> None:
    command("report", "job-1", "--tuned", "training.optimizer.lr", "--tuned", "model.layers")
    assert fake.queries == [[("format", "md"), ("tuned", "training.optimizer.lr"), ("tuned", "model.layers")]]


def test_runs_are_compared(command: Command, fake: FakeService) -> None:
    assert command("compare", "run-1", "run-2", "--format", "csv").stdout == REPORT
    assert fake.queries == [[("runs", "run-1,run-2"), ("format", "csv")]]


def test_a_file_that_cannot_be_written_is_named(command: Command, tmp_path: Path) -> None:
    result = command("report", "job-1", "--output", str(tmp_path / "nowhere" / "r.md"))
    assert result.exit_code == 1
    assert "nowhere/r.md: cannot be written" in result.stderr


def test_a_refused_report_writes_no_file(command: Command, fake: FakeService, tmp_path: Path) -> None:
    fake.refusals = [problem(404, "not-found", "Not found", "there is no job")]
    result = command("report", "job-1", "--output", str(tmp_path / "r.md"))
    assert (result.exit_code, list(tmp_path.iterdir())) == (1, [])


def test_a_dry_run_shows_what_a_job_would_cost(command: Command, fake: FakeService, spec: str) -> None:
    result = command("submit", spec, "--dry-run")
    assert result.stdout.splitlines() == [
        "runs: 4",
        "parameters: 950 to 12.3k",
        "memory: about 3.0 MiB for the largest run (all of it)",
        "time: about 2:10 on one worker, the longest run 42 s (cpu, from 7 past runs)",
    ]
    assert fake.queries == [[("dry_run", "true")]]
    assert fake.idempotency_keys == []


def test_a_dry_run_says_why_it_knows_no_time(command: Command, fake: FakeService, spec: str) -> None:
    fake.plan = wire.plan(total=None, longest_run=None, reason="nothing ran yet")
    assert command("submit", spec, "--dry-run").stdout.splitlines()[-1] == "time: not known (nothing ran yet)"


def test_plans_and_reports_are_methods_too(gatelab: Gatelab) -> None:
    assert gatelab.plan({"corpus": "book"}).seconds.total == 130
    assert gatelab.report("job-1", "html") == REPORT
    assert gatelab.compare(["run-1"]) == REPORT
