"""`gatelab report`, `gatelab compare` and `gatelab submit --dry-run`."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from gatelab.client.api import Gatelab
from gatelab.client.formatting import count, duration
from tests.client.live import Live
from tests.client.trained import MIXED, Trained
from tests.client.wire import from_the_future
from tests.service.installation import SPEC

LONG = SPEC | {
    "training": SPEC["training"] | {"epochs": 100_000},
    "grid": {"model.cell.hidden": [6, 30], "training.seed": [1, 2]},
}
"""A job of four runs of two sizes, which would take minutes."""


def report(trained: Trained, query: str = "format=md") -> str:
    """The service's own report."""
    return past_the_wire(trained, f"/v1/jobs/{trained.jobs['mixed']}/report?{query}")


def past_the_wire(trained: Trained, path: str) -> str:
    answer = trained.service.client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


@pytest.fixture
def spec(tmp_path: Path) -> str:
    """The file of LONG."""
    file = tmp_path / "spec.yaml"
    file.write_text(yaml.safe_dump(LONG))
    return str(file)


# -- Reports ----------------------------------------------------------------------------------------------------------


def test_a_report_is_printed_as_it_is_for_a_pipe(trained: Trained) -> None:
    odd = "\x1b[31m é\n"
    trained.wire.change = lambda body: body + odd.encode()
    shown = trained.command("report", trained.jobs["mixed"]).stdout_bytes
    assert shown.decode() == report(trained) + odd
    [asked] = trained.wire.asked
    assert str(asked) == f"GET /v1/jobs/{trained.jobs['mixed']}/report"
    assert asked.query == [("format", "md")]


@pytest.mark.parametrize(
    ("options", "name", "format"),
    [((), "r.html", "html"), ((), "r.csv", "csv"), ((), "r.txt", "md"), (("--format", "json"), "r.html", "json")],
)
def test_a_file_s_name_says_its_format_unless_an_option_does(
    options: tuple[str, ...], name: str, format: str, trained: Trained, tmp_path: Path
) -> None:
    file = tmp_path / name
    result = trained.command("report", trained.jobs["mixed"], "--output", str(file), *options)
    assert (result.exit_code, result.stdout) == (0, "")
    assert trained.wire.asked[0].query == [("format", format)]
    written, expected = file.read_bytes().decode(), report(trained, f"format={format}")
    if format == "json":
        assert json.loads(written) == from_the_future(json.loads(expected))
    else:
        assert written == expected


def test_paths_are_tuned(trained: Trained) -> None:
    path = "training.optimizer.lr"
    shown = trained.command("report", trained.jobs["mixed"], "--tuned", path).stdout
    assert shown == report(trained, f"format=md&tuned={path}") != report(trained)
    trained.command("report", trained.jobs["mixed"], "--tuned", path, "--tuned", "model.layers")
    assert trained.wire.asked[-1].query == [("format", "md"), ("tuned", path), ("tuned", "model.layers")]


def test_runs_are_compared(trained: Trained) -> None:
    runs = [trained.run("done")["id"], trained.run("mixed")["id"]]
    shown = trained.command("compare", *runs, "--format", "csv").stdout_bytes
    assert trained.wire.asked[0].query == [("runs", ",".join(runs)), ("format", "csv")]
    assert shown.decode() == past_the_wire(trained, f"/v1/compare?runs={','.join(runs)}&format=csv")


def test_a_file_that_cannot_be_written_is_named(trained: Trained, tmp_path: Path) -> None:
    result = trained.command("report", trained.jobs["mixed"], "--output", str(tmp_path / "nowhere" / "r.md"))
    assert result.exit_code == 1
    assert "nowhere/r.md: cannot be written" in result.stderr


def test_a_refused_report_writes_no_file(trained: Trained, tmp_path: Path) -> None:
    result = trained.command("report", "nothing", "--output", str(tmp_path / "r.md"))
    assert (result.exit_code, result.stderr) == (1, "there is no job 'nothing'\n")
    assert list(tmp_path.iterdir()) == []


# -- Plans ------------------------------------------------------------------------------------------------------------


def plan(live: Live, spec: dict[str, Any]) -> Any:
    """The service's own answer."""
    return live.raw_post("/v1/jobs?dry_run=true", spec)


def test_a_dry_run_shows_what_a_job_would_cost(trained: Trained, spec: str) -> None:
    result = trained.command("submit", spec, "--dry-run")
    expected = plan(trained, LONG)
    parameters, memory, seconds = expected["parameters"], expected["memory"], expected["seconds"]
    assert parameters["smallest"] < parameters["largest"]
    assert seconds["calibrated_from"] > 0
    assert result.stdout.splitlines() == [
        "runs: 4",
        f"parameters: {count(parameters['smallest'])} to {count(parameters['largest'])}",
        f"memory: about {memory['bytes'] / 2**20:.1f} MiB for the largest run ({memory['covers']})",
        f"time: about {duration(seconds['total'])} on one worker, the longest run {duration(seconds['longest_run'])}"
        f" (cpu, from {seconds['calibrated_from']} past runs)",
    ]
    [asked] = trained.wire.asked
    assert asked.query == [("dry_run", "true")]
    assert "idempotency-key" not in asked.headers


def test_a_dry_run_says_why_it_knows_no_time(fresh: Live, spec: str) -> None:
    reason = plan(fresh, LONG)["seconds"]["reason"]
    assert fresh.command("submit", spec, "--dry-run").stdout.splitlines()[-1] == f"time: not known ({reason})"
    assert fresh.raw("/v1/jobs")["data"] == []


# -- Methods ----------------------------------------------------------------------------------------------------------


def test_plans_and_reports_are_methods_too(gatelab: Gatelab, trained: Trained) -> None:
    assert gatelab.plan(MIXED).seconds.total == plan(trained, MIXED)["seconds"]["total"]
    assert gatelab.report(trained.jobs["mixed"], "html") == report(trained, "format=html")
    run = trained.run("done")["id"]
    assert gatelab.compare([run]) == past_the_wire(trained, f"/v1/compare?runs={run}&format=md")
