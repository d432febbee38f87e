"""Unreasonable requests to a model get a clear answer under a user's limits, and other users are still served."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from gatelab.specs import Limits
from service.app import create_app
from tests.service.conftest import Trained
from tests.service.live import serving

TEN_MEGABYTES = "a" * 10_000_000
LONGER_THAN_ANY = '"prompt": "' + TEN_MEGABYTES + '"'
ROUTES = ["generate", "completions", "openai/v1/completions"]


@pytest.fixture(scope="module")
def url(trained: Trained) -> Iterator[str]:
    with serving(create_app(trained.service.settings.model_copy(update={"limits": Limits()}))) as url:
        yield url


def post(url: str, route: str, run: str, members: str | bytes) -> httpx2.Response:
    """A body of raw members, which need not be valid JSON."""
    path = "/v1/completions" if route == "completions" else f"/v1/runs/{run}/{route}"
    model = b"" if route in ("generate", "score") else b'"model": ' + json.dumps(run).encode() + b","
    raw = members if isinstance(members, bytes) else members.encode()
    headers = {"Content-Type": "application/json"}
    return httpx2.post(url + path, content=b"{" + model + raw + b"}", headers=headers, timeout=60)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    ("members", "named"),
    [
        pytest.param(LONGER_THAN_ANY, "prompt", id="10 MB prompt"),
        pytest.param('"max_tokens": 1000000000', "max_tokens", id="a billion tokens"),
        pytest.param('"max_tokens": 1e999', "max_tokens", id="infinitely many tokens"),
        pytest.param('"temperature": NaN', "temperature", id="NaN temperature"),
        pytest.param('"temperature": Infinity', "temperature", id="infinite temperature"),
        pytest.param('"temperature": "warm"', "temperature", id="a word for a number"),
        pytest.param('"logit_bias": {"3": NaN}', "logit_bias.3", id="NaN bias"),
        pytest.param('"stop": [""]', "stop.0", id="empty stop string"),
        pytest.param('"seed": 1e30', "seed", id="seed beyond all integers"),
        pytest.param('"prompt": "\\ud800"', "prompt", id="half a character"),
    ],
)
def test_the_fault_is_named(route: str, members: str, named: str, url: str, trained: Trained) -> None:
    answer = post(url, route, trained.run["id"], members)
    if route == "generate":
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), answer.text
        assert [fault["path"] for fault in answer.json()["problems"]] == [named]
    else:
        assert answer.status_code == 400, answer.text
        # If a field has alternatives (one stop string, or several), OpenAI's error names the whole field.
        assert answer.json()["error"]["param"] in (named, named.partition(".")[0])
    assert len(answer.content) < 2000


@pytest.mark.parametrize("route", [*ROUTES, "score"])
@pytest.mark.parametrize("members", [b'"prompt": ', b'"prompt": "\xff"', b'"a":' + b"[" * 100_000, b"\x00"])
def test_what_is_no_json_is_refused(route: str, members: bytes, url: str, trained: Trained) -> None:
    answer = post(url, route, trained.run["id"], members)
    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["content-type"] in ("application/problem+json", "application/json")


@pytest.mark.parametrize("route", [*ROUTES, "score"])
def test_unknown_models_are_not_found(route: str, url: str) -> None:
    members = '"texts": ["a"]' if route == "score" else '"prompt": "a"'
    for run in ("run-nobody", "..%2f..%2fetc%2fpasswd", "a" * 500):
        assert post(url, route, run, members).status_code == 404


def test_a_text_that_is_being_written_goes_on_among_all_that(url: str, trained: Trained) -> None:
    run = trained.run["id"]
    body: dict[str, Any] = {"prompt": "the ", "max_tokens": 20_000, "seed": 5}
    alone = httpx2.post(f"{url}/v1/runs/{run}/generate", json=body, timeout=60).json()["text"]
    with ThreadPoolExecutor(8) as pool:
        meanwhile = [
            pool.submit(post, url, route, run, members)
            for route in ROUTES
            for members in (LONGER_THAN_ANY, '"temperature": NaN', '"max_tokens": 1000000000')
        ]
        again = httpx2.post(f"{url}/v1/runs/{run}/generate", json=body, timeout=60).json()["text"]
        assert {answer.result().status_code for answer in meanwhile} <= {400, 422}
    assert again == alone
    assert len(alone) == 20_000
