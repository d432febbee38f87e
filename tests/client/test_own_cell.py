"""`docs/guides/your-own-cell.md`, done: its cell, its job, its answers."""

import re
from pathlib import Path

import yaml

from gatelab.specs import JobSpec, Limits, parse
from gatelab.sweeps import expand
from tests.client.live import Live

PAGE = Path(__file__).parents[2] / "docs" / "guides" / "your-own-cell.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def test_the_cells_are_checked_as_the_page_says(fresh: Live, tmp_path: Path) -> None:
    equations, printed, mistake, normalized, of_normalized = blocks("text")
    file = tmp_path / "normalized.cell"
    file.write_text(normalized)
    lines = fresh.command("cells", "check", str(file)).stdout.splitlines()
    assert [line.rstrip() for line in lines] == of_normalized.splitlines()
    file = tmp_path / "leaky.cell"
    file.write_text(equations)
    lines = fresh.command("cells", "check", str(file)).stdout.splitlines()
    assert [line.rstrip() for line in lines] == printed.splitlines()
    file.write_text(equations.replace("+ leak *", "+ leek *"))
    assert mistake.rstrip() in fresh.command("cells", "check", str(file)).stderr


def test_the_job_trains_three_cells_with_five_seeds() -> None:
    [written] = blocks("yaml")
    runs = expand(parse(JobSpec, yaml.safe_load(written)), Limits().runs_per_job)
    assert len(runs) == 3 * 5
    assert {run.model.cell.kind for run in runs} == {"gru", "lstm", "equations"}


def test_the_page_names_all_functions_and_bounds() -> None:
    from gatelab.equations import bounds
    from gatelab.equations.functions import ARGUMENTS

    page = PAGE.read_text()
    [row] = re.findall(r"^\| functions \| `(.*)` \|$", page, re.MULTILINE)
    assert set(row.split()) == set(ARGUMENTS)
    sizes = (bounds.CHARACTERS, bounds.NODES, bounds.STATES, bounds.PARAMETERS)
    for number in (*sizes, bounds.PRODUCTS, bounds.STAGES, bounds.MEANS):
        assert f"{number:,} " in page
