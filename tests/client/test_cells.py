"""Cells as equations: the commands and the client on the real service."""

import json
from pathlib import Path

import pytest

from gatelab.client.api import Gatelab
from gatelab.client.errors import ApiError
from gatelab.equations.zoo import zoo
from gatelab.errors import InvalidRequest
from tests.client.live import Live
from tests.client.trained import Trained

OWN = "keep = sigmoid(W_k @ x + U_k @ h + b_1 + b_2)\nh' = keep * h + (1 - keep) * tanh(W_c @ x)\n"


def test_published_cells_are_listed_and_shown(trained: Trained) -> None:
    header, *rows = trained.command("cells", "list").stdout.splitlines()
    assert header.split() == ["name", "gates", "cell", "source"]
    assert [row.split()[0] for row in rows] == sorted(zoo())
    assert trained.command("cells", "show", "mgu").stdout == zoo()["mgu"].equations
    shown = json.loads(trained.command("cells", "show", "lstm", "--json").stdout)
    assert (shown["states"], shown["gates"]) == (["h", "c"], ["input", "forget", "output"])
    refused = trained.command("cells", "show", "mguu")
    assert refused.exit_code == 1
    assert "did you mean 'mgu'?" in refused.stderr


def test_what_is_shown_can_be_checked_and_submitted(fresh: Live, tmp_path: Path) -> None:
    file = tmp_path / "own.cell"
    file.write_text(fresh.command("cells", "show", "fastgrnn").stdout)
    assert fresh.command("cells", "check", str(file)).exit_code == 0
    spec = tmp_path / "job.yaml"
    equations = "".join(f"      {line}\n" for line in file.read_text().splitlines())
    spec.write_text(
        "corpus: wells\nmodel:\n  cell:\n    kind: equations\n    hidden: 6\n    equations: |\n" + equations
    )
    result = fresh.command("submit", str(spec))
    assert result.exit_code == 0, result.stderr
    [job] = fresh.raw("/v1/jobs")["data"]
    assert job["spec"]["model"]["cell"]["equations"].rstrip() == zoo()["fastgrnn"].equations.rstrip()


def test_a_check_says_what_a_cell_comes_to(trained: Trained, tmp_path: Path) -> None:
    file = tmp_path / "own.cell"
    file.write_text(OWN)
    lines = trained.command("cells", "check", str(file), "--hidden", "10", "--inputs", "4").stdout.splitlines()
    assert lines[:2] == ["states      h", "gates       keep"]
    assert [line.split() for line in lines if line.startswith(("W_k", "b_1"))] == [
        ["W_k", "4", "x", "10", "random"],
        ["b_1", "10", "random"],
    ]
    assert lines[-1] == "note: b_2 is redundant: it is only ever added to b_1"
    as_json = json.loads(trained.command("cells", "check", str(file), "--json").stdout)
    assert as_json["advice"][0]["code"] == "redundant"


def test_a_mistake_is_shown_with_its_place(trained: Trained, tmp_path: Path) -> None:
    file = tmp_path / "own.cell"
    file.write_text(OWN.replace("keep * h", "kep * h"))
    result = trained.command("cells", "check", str(file))
    assert result.exit_code == 1
    assert "line 2, column 6: kep is not defined; did you mean 'keep'?" in result.stderr
    assert result.stderr.rstrip().endswith("^^^")
    file.write_bytes(b"\xff")
    assert f"{file}: must be UTF-8 text" in trained.command("cells", "check", str(file)).stderr
    assert f"{tmp_path}: cannot be read" in trained.command("cells", "check", str(tmp_path)).stderr


def test_the_client_checks_equations(gatelab: Gatelab) -> None:
    assert gatelab.check_cell(OWN, hidden=10, inputs=4).parameter_count == 2 * 4 * 10 + 10 * 10 + 2 * 10
    assert {cell.name for cell in gatelab.cells()} == set(zoo())
    assert gatelab.cell("mgu").gates == ["forget"]
    with pytest.raises(InvalidRequest, match="there is no published cell 'mguu'; did you mean 'mgu'"):
        gatelab.cell("mguu")
    with pytest.raises(ApiError, match="there is no line h' = "):
        gatelab.check_cell("h = W @ x")
