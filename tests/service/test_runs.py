"""/v1/runs on the wire: the trained models and their metrics."""

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sqlalchemy import delete

from gatelab.checkpoint import Checkpoint
from gatelab.model import model_of
from gatelab.specs import JobSpec
from gatelab.store import Report, State
from gatelab.store.tables import runs
from gatelab.sweeps import expand
from gatelab.text import Corpus
from gatelab.training import Evaluated, train
from gatelab.wire.evaluations import Evaluation, Summary
from gatelab.wire.events import RunEvaluated
from service.runs import routes as routes
from tests.events import events_of
from tests.service.conftest import Trained
from tests.service.installation import SPEC, TEXT, Installation, installation, problem, spec
from tests.store.conftest import claimed


@pytest.fixture(scope="module")
def evaluations(trained: Trained) -> list[Evaluated]:
    """The results of training the same spec in this process."""
    [spec] = expand(JobSpec.model_validate(trained.service.get(f"/v1/jobs/{trained.job}")["spec"]), 1)
    torch.set_num_threads(1)
    return [event for event in train(spec, Corpus("wells", TEXT)) if isinstance(event, Evaluated)]


def test_a_run_is_answered_alone_as_in_the_list(trained: Trained) -> None:
    assert trained.get() == trained.run


def test_a_run_says_what_was_trained(trained: Trained, evaluations: list[Evaluated]) -> None:
    run, last = trained.run, evaluations[-1]
    assert (run["job"], run["index"], run["state"], run["error"]) == (trained.job, 0, "succeeded", None)
    assert run["spec"]["model"]["cell"] == {"kind": "gru", "hidden": 6, "gates": ["reset", "update"], "reset": "before"}
    assert run["parameters"] == model_of(last.checkpoint()).parameter_count()
    assert (run["step"], run["total_steps"], run["epoch"]) == (last.position.step, last.position.step, 3)
    assert run["device"] == "cpu"
    assert run["sample"] == f"the {last.sample}"


def test_a_run_s_metrics_are_those_of_the_last_evaluation(trained: Trained, evaluations: list[Evaluated]) -> None:
    metrics, last = trained.run["metrics"], evaluations[-1]
    assert last.test_loss is not None
    assert metrics["train_perplexity"] == math.exp(last.train_loss)
    assert metrics["validation_perplexity"] == math.exp(last.validation_loss)
    assert metrics["test_perplexity"] == math.exp(last.test_loss)
    assert metrics["bits_per_character"] == last.bits_per_character
    assert metrics["seconds"] > 0
    assert metrics["tokens_per_second"] > 0


def test_metrics_are_one_line_an_evaluation(trained: Trained, evaluations: list[Evaluated]) -> None:
    names = ("epoch", "step", "train_loss", "validation_loss", "test_loss", "bits_per_character", "tokens")
    assert [tuple(row[name] for name in names) for row in trained.get("/metrics")["data"]] == [
        (
            event.position.epoch,
            event.position.step,
            event.train_loss,
            event.validation_loss,
            event.test_loss,
            event.bits_per_character,
            event.position.tokens,
        )
        for event in evaluations
    ]


def test_samples_are_the_texts_of_the_evaluations(trained: Trained, evaluations: list[Evaluated]) -> None:
    assert trained.get("/samples")["data"] == [
        {"epoch": e.position.epoch, "step": e.position.step, "prefix": "the ", "text": e.sample} for e in evaluations
    ]


def test_a_checkpoint_is_downloaded_as_it_was_saved(trained: Trained, evaluations: list[Evaluated]) -> None:
    listed = trained.get("/checkpoints")["data"]
    assert [item["step"] for item in listed] == list(range(1, trained.run["step"] + 1))
    answer = trained.service.client.get(trained.path(f"/checkpoints/{listed[-1]['step']}"))
    assert answer.headers["content-type"] == "application/vnd.safetensors"
    assert f"{trained.run['id']}-{trained.run['step']}.safetensors" in answer.headers["content-disposition"]
    assert len(answer.content) == listed[-1]["size"]
    found, expected = Checkpoint.from_bytes(answer.content), evaluations[-1].checkpoint()
    assert found.spec == expected.spec
    assert found.tokenizer == expected.tokenizer
    assert all(np.array_equal(found.weights[name], weights) for name, weights in expected.weights.items())


def test_a_download_holds_a_piece_of_the_file_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A download is complete even if the file is deleted meanwhile; a damaged file is not sent at all."""
    monkeypatch.setattr(routes, "PIECE_BYTES", 1000)
    with installation(tmp_path, inline_checkpoint_bytes=0) as service:
        service.add_corpus()
        job = service.submit()["id"]
        service.work()
        [run] = service.runs(job)
        whole = service.store.checkpoints.get(run["id"], run["step"]).data
        [file] = Path(service.settings.blob_dir, run["id"]).glob(f"*-{run['step']}-*")
        pieces = routes._pieces(service.store.checkpoints.open(run["id"], run["step"]))
        first = next(pieces)
        assert len(first) == 1000
        file.unlink()
        assert first + b"".join(pieces) == whole
        file.write_bytes(whole)
        path = f"/v1/runs/{run['id']}/checkpoints/{run['step']}"
        answer = service.client.get(path)
        assert (answer.content, answer.headers["content-length"]) == (whole, str(len(whole)))
        file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        problem(service.client.get(path), 500, "corrupt-checkpoint")


def test_a_checkpoint_of_a_step_that_has_none_is_not_found(trained: Trained) -> None:
    client = trained.service.client
    problem(client.get(trained.path("/checkpoints/9999")), 404, "not-found")
    problem(client.get(trained.path("/checkpoints/-1")), 422, "invalid-request")


def test_runs_are_listed_in_the_order_they_were_asked_for_in_pages(service: Installation) -> None:
    service.add_corpus()
    jobs = [service.submit(SPEC | {"repeats": 3})["id"] for _ in range(2)]
    found: list[Any] = []
    cursor = ""
    while cursor is not None:
        page = service.get(f"/v1/runs?limit=2{cursor and '&cursor='}{cursor}")
        assert len(page["data"]) == 2
        found += page["data"]
        cursor = page["next"]
    assert [(run["job"], run["index"]) for run in found] == [(job, index) for job in jobs for index in range(3)]


def test_runs_are_filtered_by_job_and_state(service: Installation) -> None:
    service.add_corpus()
    service.submit()
    service.work()
    job = service.submit(SPEC | {"repeats": 2})["id"]
    assert [run["index"] for run in service.runs(job)] == [0, 1]
    assert [run["job"] for run in service.get("/v1/runs?state=queued")["data"]] == [job, job]
    assert service.get(f"/v1/runs?job={job}&state=succeeded") == {"data": [], "next": None}


def test_a_run_that_has_not_begun_has_nothing_to_show(service: Installation) -> None:
    service.add_corpus()
    [run] = service.runs(service.submit()["id"])
    assert (run["step"], run["epoch"], run["parameters"], run["total_steps"], run["device"]) == (0, 0, None, None, None)
    assert set(run["metrics"].values()) == {None}
    assert (run["sample"], run["error"], run["started_at"]) == (None, None, None)
    for noun in ("metrics", "samples", "checkpoints"):
        assert service.get(f"/v1/runs/{run['id']}/{noun}")["data"] == []


def test_numbers_that_are_not_finite_are_null(service: Installation) -> None:
    service.add_corpus()
    service.submit()
    claim = claimed(service.store)
    row = Evaluation(step=1, epoch=1, train_loss=math.nan, validation_loss=math.inf, test_loss=-math.inf, seconds=1.5)
    summary = Summary(train_loss=1e6, validation_loss=math.nan, seconds=1.5)
    events = [RunEvaluated(step=1, epoch=1, train_loss=math.inf)]
    ended = State.SUCCEEDED
    service.store.claims.record(
        claim, Report(step=1, epoch=1, metrics=[row], summary=summary, events=events, next_state=ended)
    )
    [found] = service.get(f"/v1/runs/{claim.run_id}/metrics")["data"]
    losses = [found[name] for name in ("train_loss", "validation_loss", "test_loss", "seconds")]
    assert losses == [None, None, None, 1.5]
    metrics = service.get(f"/v1/runs/{claim.run_id}")["metrics"]
    names = ("train_loss", "train_perplexity", "validation_loss", "validation_perplexity", "seconds")
    assert [metrics[name] for name in names] == [1e6, None, None, None, 1.5], "beyond all numbers, but not lost"
    stream = service.client.get(f"/v1/jobs/{claim.job_id}/events").text
    assert '"train_perplexity":null' in stream
    assert "Infinity" not in stream


def test_an_answer_is_valid_json_whatever_the_store_says() -> None:
    metrics = Summary(train_loss=math.nan, validation_loss=1e6, seconds=1.5)
    found = json.loads(metrics.model_dump_json(), parse_constant=pytest.fail)
    assert (found["train_perplexity"], found["validation_perplexity"], found["seconds"]) == (None, None, 1.5)


def test_a_job_s_curves_are_its_runs_metrics(trained: Trained) -> None:
    rows = trained.get("/metrics")["data"]
    [curve] = trained.service.get(f"/v1/jobs/{trained.job}/metrics")["data"]
    assert (curve["run"], curve["index"]) == (trained.run["id"], 0)
    for name in ("epoch", "step", "train_loss", "validation_loss", "bits_per_character", "seconds"):
        assert curve[name] == [row[name] for row in rows]


def test_runs_that_have_measured_nothing_have_empty_curves_in_their_places(service: Installation) -> None:
    service.add_corpus()
    job = service.submit(SPEC | {"repeats": 3})["id"]
    curves = service.get(f"/v1/jobs/{job}/metrics")["data"]
    assert [curve["run"] for curve in curves] == [run["id"] for run in service.runs(job)]
    assert [(curve["index"], curve["epoch"]) for curve in curves] == [(0, []), (1, []), (2, [])]
    problem(service.client.get("/v1/jobs/nothing/metrics"), 404, "not-found")


@pytest.mark.parametrize(("points", "epochs"), [(2, [1, 5, 10]), (5, [1, 2, 4, 6, 8, 10]), (10, list(range(1, 11)))])
def test_long_curves_are_thinned_evenly_and_keep_both_ends(
    points: int, epochs: list[int], service: Installation
) -> None:
    service.add_corpus()
    job = service.submit(SPEC | {"repeats": 2})["id"]
    claim = claimed(service.store)
    rows = [Evaluation(step=epoch, epoch=epoch, validation_loss=1 / epoch) for epoch in range(1, 11)]
    service.store.claims.record(claim, Report(step=10, epoch=10, metrics=rows, next_state=State.SUCCEEDED))
    short = service.get(f"/v1/runs/{claim.run_id}/metrics?points={points}")["data"]
    assert [row["epoch"] for row in short] == epochs
    first, second = service.get(f"/v1/jobs/{job}/metrics?points={points}")["data"]
    assert first["epoch"] == epochs
    assert first["validation_loss"] == [1 / epoch for epoch in epochs]
    assert second["epoch"] == []


def test_metrics_tell_what_the_gates_do_where_it_is_asked_for(service: Installation) -> None:
    service.add_corpus()
    job = service.submit(spec(gate_statistics=True))["id"]
    service.work()
    [run] = service.runs(job)
    rows = service.get(f"/v1/runs/{run['id']}/metrics")["data"]
    for row in rows:
        [layer] = row["gates"]
        assert layer.keys() == {"reset", "update"}
        for found in layer.values():
            assert found.keys() == {"mean", "near_zero", "near_one"}
            assert 0 < found["mean"] < 1
    answer = service.client.get(f"/v1/runs/{run['id']}/metrics?format=csv")
    assert answer.headers["content-type"].startswith("text/csv")
    table = list(csv.DictReader(io.StringIO(answer.text)))
    assert [float(line["gates.0.update.near_zero"]) for line in table] == [
        row["gates"][0]["update"]["near_zero"] for row in rows
    ]
    told = [event for event in events_of(service.store, job) if event.type == "evaluation"]
    assert [event.data["gates"] for event in told] == [row["gates"] for row in rows]


def test_metrics_are_had_as_csv(trained: Trained) -> None:
    answer = trained.service.client.get(trained.path("/metrics?format=csv"))
    table = list(csv.DictReader(io.StringIO(answer.text)))
    rows = trained.get("/metrics")["data"]
    assert all(row["gates"] is None for row in rows), "nobody asked"
    assert [list(line) for line in table] == [[name for name in row if name != "gates"] for row in rows]
    for line, row in zip(table, rows, strict=True):
        for name, text in line.items():
            assert text == ("" if row[name] is None else text)
            assert text == "" or float(text) == row[name]


def test_a_curve_has_the_index_of_its_run_where_indexes_have_gaps(service: Installation) -> None:
    """Runs that equal others of their job are left out; the remaining ones keep their place in the grid."""
    service.add_corpus()
    job = service.submit(SPEC | {"repeats": 4})["id"]
    with service.store.database.write() as connection:
        connection.execute(delete(runs).where(runs.c.job_id == job, runs.c.index.in_([0, 2])))
    curves = service.get(f"/v1/jobs/{job}/metrics")["data"]
    assert [(curve["run"], curve["index"]) for curve in curves] == [
        (run["id"], index) for run, index in zip(service.runs(job), (1, 3), strict=True)
    ]
