"""/v1/jobs/{id}/report and /v1/compare on the wire."""

import csv
import io
import json
import re
from collections.abc import Iterator

import jsonschema
import pytest

from gatelab.costs import Expected, Work
from gatelab.specs import JobSpec, Limits, parse
from gatelab.store import Report, State
from gatelab.sweeps import expand
from gatelab.wire.evaluations import Evaluation, Sample, Summary
from tests.service.installation import SPEC, TEXT, Installation, installation, problem, spec
from tests.store.conftest import claimed

TYPES = {"json": "application/json", "csv": "text/csv", "md": "text/markdown", "html": "text/html"}
EPOCHS = 100


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("reports"), limits=Limits()) as made:
        made.add_corpus()
        made.client.post("/v1/corpora", json={"name": "other", "text": TEXT[::-1]})
        yield made


@pytest.fixture(scope="module")
def trained(service: Installation) -> str:
    """A job of two variants with two seeds each, trained to its end."""
    job: str = service.submit(spec(epochs=2) | {"grid": {"model.cell.hidden": [4, 8]}, "repeats": 2})["id"]
    service.work()
    return job


def run_ids(service: Installation, job: str) -> list[str]:
    return [run["id"] for run in service.runs(job)]


@pytest.mark.parametrize("format", TYPES)
def test_a_report_comes_in_every_format(format: str, service: Installation, trained: str) -> None:
    for path in (f"/v1/jobs/{trained}/report?", f"/v1/compare?runs={','.join(run_ids(service, trained))}&"):
        answer = service.client.get(f"{path}format={format}")
        assert answer.status_code == 200
        assert answer.headers["content-type"].partition(";")[0] == TYPES[format]
        assert run_ids(service, trained)[0] in answer.text or format == "csv"


def test_it_says_what_the_runs_say(service: Installation, trained: str) -> None:
    report = service.get(f"/v1/jobs/{trained}/report")
    runs = service.runs(trained)
    assert [variant["values"] for variant in report["variants"]] == [{"model.cell.hidden": 4}, {"model.cell.hidden": 8}]
    for number, variant in enumerate(report["variants"]):
        mine = runs[2 * number : 2 * number + 2]
        assert variant["runs"] == [run["id"] for run in mine]
        assert variant["parameters"] == mine[0]["parameters"]
        assert variant["sample"] == mine[0]["sample"]
        for name, interval in variant["averages"].items():
            values = [run["metrics"][name] for run in mine]
            assert interval["mean"] == pytest.approx(sum(values) / 2), name
            if interval["low"] is not None:
                assert interval["low"] <= min(values) <= max(values) <= interval["high"]
            else:
                assert name in ("seconds", "tokens_per_second")
                assert max(run["metrics"]["trained_together"] or 1 for run in mine) > 1
    assert report["states"] == {"succeeded": 4}
    assert report["devices"] == ["cpu"]
    [pair] = report["comparison"]["pairs"]
    assert (pair["seeds"], report["comparison"]["measure"]) == (2, "test loss")
    assert report["influence"]["runs"] == 4
    assert len(report["curves"][0]["epochs"]) == 2


def test_predicted_seconds_are_held_against_actual_ones(service: Installation, trained: str) -> None:
    job = service.submit(spec(epochs=1))["id"]
    service.work()
    timing = service.get(f"/v1/jobs/{job}/report")["timing"]
    [run] = service.runs(job)
    assert timing["runs"] == 1
    assert timing["predicted_seconds"] > 0
    assert timing["actual_seconds"] == run["metrics"]["seconds"]


def test_the_answer_is_as_the_schema_says(service: Installation, trained: str) -> None:
    openapi = service.get("/openapi.json")
    for template, path in (
        ("/v1/jobs/{job}/report", f"/v1/jobs/{trained}/report"),
        ("/v1/compare", f"/v1/compare?runs={','.join(run_ids(service, trained))}"),
    ):
        content = openapi["paths"][template]["get"]["responses"]["200"]["content"]
        assert set(content) == set(TYPES.values())
        schema = content["application/json"]["schema"] | {"components": openapi["components"]}
        jsonschema.Draft202012Validator(schema).validate(service.get(path))
    plan = openapi["paths"]["/v1/jobs"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    answer = service.client.post("/v1/jobs?dry_run=true", json=SPEC).json()
    jsonschema.Draft202012Validator(plan | {"components": openapi["components"]}).validate(answer)


def test_runs_of_any_jobs_are_compared_with_warnings(service: Installation, trained: str) -> None:
    other = service.submit(SPEC | {"corpus": "other", "tokenizer": {"kind": "byte"}})["id"]
    service.work()
    ids = [*run_ids(service, other), *run_ids(service, trained)[:2]]
    report = service.get(f"/v1/compare?runs={','.join(ids)}")
    assert [row["run"] for row in report["runs"]] == ids
    assert [variant["runs"] for variant in report["variants"]] == [ids[:1], ids[1:]]
    assert [re.split(r":|,| \(", warning)[0] for warning in report["warnings"]] == [
        "The runs were trained on different texts",
        "The runs read different tokens",
        "The validation part has only 56 tokens",
        "The test part has only 57 tokens",
    ]
    assert report["comparison"]["pairs"] == []


def test_a_run_that_diverged_says_so(service: Installation) -> None:
    # Every step multiplies the weights by 1 - lr * weight_decay = -9, until they overflow.
    wild = {"optimizer": {"kind": "sgd", "lr": 10, "weight_decay": 1}, "epochs": 50}
    job = service.submit(spec(**wild))["id"]
    service.work()
    [variant] = service.get(f"/v1/jobs/{job}/report")["variants"]
    assert variant["succeeded"] == 0
    assert variant["troubles"][0].startswith("seed 0: diverged at step ")
    [row] = csv.DictReader(io.StringIO(service.client.get(f"/v1/jobs/{job}/report?format=csv").text))
    assert row["troubles"] == variant["troubles"][0]


def test_each_variant_is_reported_at_its_best(service: Installation) -> None:
    grid = {"model.cell.hidden": [4, 8], "training.optimizer.lr": [1e-6, 0.05]}
    job = service.submit(spec(epochs=2) | {"grid": grid})["id"]
    service.work()
    report = service.get(f"/v1/jobs/{job}/report?tuned=training.optimizer.lr")
    assert [variant["values"]["training.optimizer.lr"] for variant in report["variants"]] == [0.05, 0.05]
    assert report["tuned"] == ["training.optimizer.lr"]


def test_a_hundred_runs_of_a_hundred_epochs_are_one_report(service: Installation) -> None:
    job = hundred_runs(service)
    texts = {format: service.client.get(f"/v1/jobs/{job}/report?format={format}").text for format in TYPES}
    assert len(json.loads(texts["json"])["variants"]) == 100
    assert [len(curve["epochs"]) for curve in json.loads(texts["json"])["curves"]] == [EPOCHS] * 100
    assert len(list(csv.DictReader(io.StringIO(texts["csv"])))) == 100
    assert texts["md"].count("\n| run-") == 100
    assert texts["html"].count("<polyline") >= 12


def hundred_runs(service: Installation) -> str:
    """A job of a hundred runs, with everything that training them for a hundred epochs would have stored."""
    sizes = [8, 16, 32, 64, 128]
    rates = [0.01, 0.1, 1, 10]
    grid = {"training.num_steps": sizes, "model.cell.hidden": sizes, "training.optimizer.lr": rates}
    job = parse(JobSpec, spec(epochs=EPOCHS) | {"grid": grid})
    runs = expand(job, 100)
    expected = [Expected(Work(1, 1, 1, 1, 1), 2.0)] * 100
    stored = service.store.jobs.create(job, service.store.corpora.get("wells").id, runs, expected=expected)
    for number in range(100):
        losses = [3.0 + number / 100 - epoch / EPOCHS for epoch in range(1, EPOCHS + 1)]
        service.store.claims.record(claimed(service.store), trained_for(losses))
    return stored.id


def trained_for(losses: list[float]) -> Report:
    """The records of a run with these losses, one per epoch."""
    rows = [
        Evaluation(
            step=10 * epoch, epoch=epoch, train_loss=loss, validation_loss=loss, bits_per_character=loss,
            tokens=1000 * epoch, seconds=0.1 * epoch, tokens_per_second=1e4,
        )
        for epoch, loss in enumerate(losses, start=1)
    ]  # fmt: skip
    samples = [Sample(step=row.step, epoch=row.epoch, prefix="the ", text="time machine") for row in rows]
    return Report(
        step=rows[-1].step,
        epoch=rows[-1].epoch,
        total_steps=rows[-1].step,
        parameters=1000,
        device="cpu",
        metrics=rows,
        samples=samples,
        summary=Summary(seconds=10.0, tokens_per_second=1e4),
        next_state=State.SUCCEEDED,
    )


@pytest.mark.parametrize(
    ("path", "status", "kind", "fault"),
    [
        ("/v1/jobs/nothing/report", 404, "not-found", None),
        ("/v1/jobs/{job}/report?format=pdf", 422, "invalid-request", "format"),
        ("/v1/jobs/{job}/report?tuned=lr", 422, "invalid-request", "tuned"),
        ("/v1/compare", 422, "invalid-request", "runs"),
        ("/v1/compare?runs=", 422, "invalid-request", "runs"),
        ("/v1/compare?runs=,", 422, "invalid-request", "runs"),
        ("/v1/compare?runs={run},{run}", 422, "invalid-request", "runs"),
        ("/v1/compare?runs={run}&format=xml", 422, "invalid-request", "format"),
        ("/v1/compare?runs={run},nothing", 404, "not-found", None),
        (f"/v1/compare?runs={','.join(map(str, range(1001)))}", 422, "invalid-request", "runs"),
    ],
)
def test_what_cannot_be_reported_is_refused(
    path: str, status: int, kind: str, fault: str | None, service: Installation, trained: str
) -> None:
    answer = service.client.get(path.format(job=trained, run=run_ids(service, trained)[0]))
    found = problem(answer, status, kind)
    assert [each["path"] for each in found["problems"]] == ([fault] if fault else [])
