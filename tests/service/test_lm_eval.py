"""lm-evaluation-harness, as its users run it, against a run's own OpenAI server reports the same figures as Gatelab."""

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import torch

from service.app import create_app
from tests.rounding import assert_rounded
from tests.service.conftest import Trained
from tests.service.live import serving
from tests.waiting import PATIENCE

DOCUMENTS = ["the cat sat on the mat", "a mat, and the cat on it.", "qqq"]
CHOICES = [("the cat sat on", [" the mat", "zqxv"]), ("the cat", [" sat", "jjjj"])]
TERMS = 25 * (1 + 6)
"""The number of terms in a likelihood: for every character, those of 6 hidden units."""

ROLLING = """
task: gatelab_rolling
dataset_path: json
dataset_kwargs: {{data_files: {{test: {folder}/documents.jsonl}}}}
test_split: test
output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: "{{{{text}}}}"
metric_list: [{{metric: byte_perplexity}}, {{metric: bits_per_byte}}]
"""
CHOOSING = """
task: gatelab_choosing
dataset_path: json
dataset_kwargs: {{data_files: {{test: {folder}/choices.jsonl}}}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{context}}}}"
doc_to_choice: "{{{{choices}}}}"
doc_to_target: 0
target_delimiter: ""
metric_list: [{{metric: acc}}]
"""


@pytest.fixture(scope="module")
def url(trained: Trained) -> Iterator[str]:
    with serving(create_app(trained.service.settings)) as url:
        yield url


@pytest.fixture
def http() -> Iterator[httpx2.Client]:
    with httpx2.Client(timeout=PATIENCE) as client:
        yield client


def lines_of(file: Path) -> list[str]:
    return file.read_text().splitlines()


@pytest.fixture(scope="module")
def evaluation(url: str, trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The harness's results on both tasks, with each of its requests."""
    folder = tmp_path_factory.mktemp("lm-eval")
    (folder / "documents.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in DOCUMENTS))
    choices = [json.dumps({"context": context, "choices": endings}) + "\n" for context, endings in CHOICES]
    (folder / "choices.jsonl").write_text("".join(choices))
    (folder / "rolling.yaml").write_text(ROLLING.format(folder=folder))
    (folder / "choosing.yaml").write_text(CHOOSING.format(folder=folder))
    run = trained.run["id"]
    server = f"{url}/v1/runs/{run}/openai/v1/completions"
    command = [sys.executable, "-m", "lm_eval", "--model", "local-completions", "--tasks"]
    command += ["gatelab_rolling,gatelab_choosing", "--include_path", str(folder), "--log_samples"]
    command += ["--model_args", f"model={run},base_url={server},num_concurrent=1", "--output_path", str(folder / "out")]
    # It keeps a cache in the home folder, and requests nothing from the hub.
    environment = os.environ | {"HF_HOME": str(folder / "home"), "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    [results] = (folder / "out").rglob("results_*.json")
    samples = {
        task: [json.loads(line) for file in (folder / "out").rglob(f"samples_{task}_*") for line in lines_of(file)]
        for task in ("gatelab_rolling", "gatelab_choosing")
    }
    return json.loads(results.read_text())["results"], samples


def scores(trained: Trained, texts: list[str]) -> list[Any]:
    answer = trained.service.client.post(trained.path("/score"), json={"texts": texts})
    assert answer.status_code == 200, answer.text
    found: list[Any] = answer.json()["data"]
    return found


@pytest.mark.long
def test_rolling_perplexity_is_ours(evaluation: Any, trained: Trained) -> None:
    results, samples = evaluation
    ours = [sum(scored["log_probabilities"]) for scored in scores(trained, DOCUMENTS)]
    theirs = {s["doc"]["text"]: float(s["filtered_resps"][0]) for s in samples["gatelab_rolling"]}
    assert_rounded([theirs[text] for text in DOCUMENTS], ours, terms=TERMS, dtype=torch.float32)
    perplexity = math.exp(-sum(ours) / sum(len(text.encode()) for text in DOCUMENTS))
    found = results["gatelab_rolling"]["byte_perplexity,none"]
    assert_rounded(math.log(found), math.log(perplexity), terms=TERMS, dtype=torch.float32)


@pytest.mark.long
def test_likelihoods_of_endings_are_ours(evaluation: Any, trained: Trained) -> None:
    results, samples = evaluation
    expected = []
    for context, endings in CHOICES:
        scored = scores(trained, [context + ending for ending in endings])
        expected.append([sum(found["log_probabilities"][len(context) :]) for found in scored])
    order = [context for context, _ in CHOICES]
    found = sorted(samples["gatelab_choosing"], key=lambda sample: order.index(sample["doc"]["context"]))
    for sample, ours in zip(found, expected, strict=True):
        theirs = [float(response[0]) for response in sample["filtered_resps"]]
        assert_rounded(theirs, ours, terms=TERMS, dtype=torch.float32)
    accuracy = sum(ours[0] > ours[1] for ours in expected) / len(expected)
    assert results["gatelab_choosing"]["acc,none"] == pytest.approx(accuracy)


def test_tokens_there_and_back(url: str, trained: Trained, http: httpx2.Client) -> None:
    server = f"{url}/v1/runs/{trained.run['id']}/openai"
    info = http.get(f"{server}/tokenizer_info").json()
    assert (info["bos_token"], info["eos_token"]) == ("<bos>", None)
    body = {"prompt": "the cat", "add_special_tokens": False}
    plain = http.post(f"{server}/tokenize", json=body).json()
    assert (plain["count"], len(plain["tokens"])) == (7, 7)
    assert http.post(f"{server}/tokenize", json=body | {"add_special_tokens": True}).json()["tokens"][0] == 1
    assert http.post(f"{server}/tokenize", json=body | {"prompt": "<bos>"}).json()["tokens"] == [1]
    assert http.post(f"{server}/detokenize", json={"tokens": plain["tokens"]}).json() == {"prompt": "the cat"}


def test_what_is_wrong_is_told_as_openai_does(url: str, trained: Trained, http: httpx2.Client) -> None:
    server = f"{url}/v1/runs/{trained.run['id']}/openai"
    for path, body in (
        ("tokenize", {"prompt": 1}),
        ("tokenize", {}),
        ("detokenize", {"tokens": [99_999]}),
        ("detokenize", {"tokens": [-1]}),
        ("v1/completions", {"model": trained.run["id"], "max_tokens": 10**9}),
    ):
        answer = http.post(f"{server}/{path}", json=body)
        assert answer.status_code == 400, answer.text
        assert answer.json()["error"]["type"] == "invalid_request_error"
    for path, body in (("v1/completions", {"model": "other"}), ("tokenize", {"model": "other", "prompt": "a"})):
        assert http.post(f"{server}/{path}", json=body).status_code == 404
    assert http.get(f"{url}/v1/runs/nobody/openai/tokenizer_info").status_code == 404
    assert [m["id"] for m in http.get(f"{server}/v1/models").json()["data"]] == [trained.run["id"]]
    assert http.get(f"{server}/v1/models/{trained.run['id']}@3").json()["id"] == f"{trained.run['id']}@3"
    assert http.get(f"{server}/v1/models/other").status_code == 404
