"""The dashboard, the configuration and the documentation name the metrics that exist."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi.testclient import TestClient
from prometheus_client import generate_latest

from tests.conftest import ROOT
from tests.service.conftest import Trained
from tests.telemetry.exposed import Exposed
from worker.telemetry import exposition

DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy" / "grafana-dashboard.json").read_text())
EXPRESSIONS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]
DOCS = (ROOT / "docs" / "guides" / "operations.md").read_text()


def of_worker() -> Exposed:
    return Exposed(generate_latest(exposition.registry()).decode())


@pytest.fixture
def of_service(trained: Trained) -> Exposed:
    """The metrics of a service that has answered requests of every kind."""
    http: TestClient = trained.service.client
    http.post(trained.path("/generate"), json={"prompt": "the ", "max_tokens": 5, "stream": True})
    return Exposed(http.get("/metrics").text)


def names_in(expression: str) -> set[str]:
    return set(re.findall(r"\b(?:gatelab|process)_[a-z_]+", expression))


def labels_in(expression: str) -> set[str]:
    """The labels by which an expression groups or selects."""
    grouped = re.findall(r"\bby \(([^)]*)\)", expression)
    selected = re.findall(r"\{([^}]*)\}", expression)
    return {label.strip() for group in grouped for label in group.split(",")} | {
        label for selection in selected for label in re.findall(r"(\w+)\s*[=!]", selection)
    }


def test_every_metric_and_label_of_the_dashboard_exists(of_service: Exposed) -> None:
    labels = {**of_service.labels, **of_worker().labels}
    for expression in EXPRESSIONS:
        names = names_in(expression)
        assert names, expression
        assert names <= labels.keys(), expression
        for name in names:
            assert labels_in(expression) <= labels[name] | {"instance", "job"}, expression


def test_every_metric_of_ours_is_on_the_dashboard(of_service: Exposed) -> None:
    shown = {re.sub(r"_(total|bucket|sum|count)$", "", name) for expr in EXPRESSIONS for name in names_in(expr)}
    ours = {name for exposed in (of_service, of_worker()) for name in exposed.help if name.startswith("gatelab_")}
    assert ours <= shown


def test_the_dashboard_has_one_variable_the_data_source() -> None:
    [variable] = DASHBOARD["templating"]["list"]
    assert (variable["name"], variable["type"], variable["query"]) == ("datasource", "datasource", "prometheus")
    for panel in DASHBOARD["panels"]:
        for each in [panel, *panel.get("targets", [])] if panel["type"] != "row" else []:
            assert each["datasource"]["uid"] == "${datasource}"
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(numbers)) == len(numbers)


def test_legends_use_labels_that_are_left() -> None:
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", []):
            used = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            assert used <= labels_in(target["expr"]) | {"instance"}, target


def test_prometheus_is_told_of_the_service_and_the_workers() -> None:
    config = yaml.safe_load(Path(ROOT / "deploy" / "prometheus.yml").read_text())
    assert [each["job_name"] for each in config["scrape_configs"]] == ["gatelab-service", "gatelab-worker"]
    assert all("metrics_path" not in each for each in config["scrape_configs"]), "/metrics is what is asked by default"


def rows(exposed: Exposed, whose: str) -> set[tuple[str, ...]]:
    """The expected rows for these metrics in the table of the documentation."""
    found: set[tuple[str, ...]] = set()
    for name, meaning in exposed.help.items():
        if not name.startswith("gatelab_"):
            continue
        kind = exposed.type[name]
        series = {"counter": f"{name}_total", "histogram": f"{name}_count"}.get(kind, name)
        labels = ", ".join(f"`{label}`" for label in sorted(exposed.labels[series]))
        shown = f"{name}_total" if kind == "counter" else name
        found.add((f"`{shown}`", kind, whose, labels, meaning))
    return found


def test_the_documentation_s_table_is_complete(of_service: Exposed) -> None:
    table = [line.strip("|").split("|") for line in DOCS.splitlines() if line.startswith("| `gatelab_")]
    told = {tuple(cell.strip() for cell in cells) for cells in table}
    assert told == rows(of_service, "service") | rows(of_worker(), "worker")
