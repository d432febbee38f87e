"""Sessions over HTTP: a text continues where it ended, from a state that the client kept."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from gatelab.settings import Settings
from service.generation.sessions import KEY_FILE, Sessions
from tests.service.conftest import Trained
from tests.service.installation import problem
from tests.service.sse import events

GREEDY: dict[str, Any] = {"temperature": 0}


def refused(trained: Trained, **body: Any) -> Any:
    return problem(trained.service.client.post(trained.path("/generate"), json=body), 400, "invalid-state")


def test_a_text_goes_on_where_it_was(trained: Trained) -> None:
    whole = trained.generate(prompt="the ", max_tokens=40, **GREEDY)["text"]
    first = trained.generate(prompt="the ", max_tokens=15, state=True, **GREEDY)
    second = trained.generate(state=first["state"], max_tokens=25, **GREEDY)
    assert first["text"] + second["text"] == whole
    assert len(first["state"]) == len(second["state"])
    # Any number of times.
    assert trained.generate(state=first["state"], max_tokens=25, **GREEDY) == second


def test_a_prompt_may_come_in_between(trained: Trained) -> None:
    spelled = trained.generate(prompt="the time machine", max_tokens=20, **GREEDY)["text"]
    state = trained.generate(prompt="the", max_tokens=1, logit_bias={2: 100}, state=True, **GREEDY)
    assert state["text"] == " ", "the first of the sorted characters"
    assert trained.generate(prompt="time machine", state=state["state"], max_tokens=20, **GREEDY)["text"] == spelled


def test_the_state_after_a_stop_string_is_that_behind_it(trained: Trained) -> None:
    whole = trained.generate(prompt="the ", max_tokens=40, **GREEDY)["text"]
    stop = whole[10:13]
    stopped = trained.generate(prompt="the ", max_tokens=40, stop=stop, state=True, **GREEDY)
    at = whole.index(stop) + len(stop)
    assert trained.generate(state=stopped["state"], max_tokens=40 - at, **GREEDY)["text"] == whole[at:]


def test_a_stream_ends_with_the_state(trained: Trained) -> None:
    body = {"prompt": "the ", "max_tokens": 15, "state": True, **GREEDY}
    answer = trained.service.client.post(trained.path("/generate"), json=body | {"stream": True})
    assert events(answer.text)[-1].data["state"] == trained.generate(**body)["state"]


def test_a_state_is_bound_to_its_checkpoint(trained: Trained) -> None:
    early = trained.generate(prompt="the ", max_tokens=5, state=True, checkpoint=3, **GREEDY)
    assert trained.generate(state=early["state"], max_tokens=5, **GREEDY)["checkpoint"] == 3
    assert "step 3" in refused(trained, state=early["state"], checkpoint=1)["detail"]


def test_changed_and_foreign_states_are_refused(trained: Trained) -> None:
    state = trained.generate(prompt="the ", max_tokens=5, state=True)["state"]
    refused(trained, state=state[:-8] + ("AAAAAAA=" if state[-8:] != "AAAAAAA=" else "BBBBBBB="))
    refused(trained, state="anything")
    [other] = trained.service.runs(trained.service.submit()["id"])
    answer = trained.service.client.post(f"/v1/runs/{other['id']}/generate", json={"state": state})
    assert "another run" in problem(answer, 400, "invalid-state")["detail"]
    trained.generate(state=state, max_tokens=1)


def test_states_are_mixed(trained: Trained) -> None:
    first, other = (trained.generate(prompt=p, max_tokens=3, state=True, **GREEDY)["state"] for p in ("the ", "we "))
    client, path = trained.service.client, trained.path("/states/mix")
    whole = client.post(path, json={"state": first, "other": other, "share": 0}).json()["state"]
    assert trained.generate(state=whole, **GREEDY) == trained.generate(state=first, **GREEDY)
    half = client.post(path, json={"state": first, "other": other}).json()["state"]
    assert half not in (first, other)
    trained.generate(state=half, max_tokens=5)
    problem(client.post(path, json={"state": first, "other": "x"}), 400, "invalid-state")
    problem(client.post(path, json={"state": first, "other": other, "share": 2}), 422, "invalid-request")


def test_the_key_is_kept_and_is_the_owner_s_alone(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    with ThreadPoolExecutor(8) as pool:
        keys = {sessions.sealer._key for sessions in pool.map(lambda _: Sessions(settings), range(16))}
    assert len(keys) == 1
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == [KEY_FILE]


def test_a_given_key_is_used(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, session_key=SecretStr("ours"))
    assert Sessions(settings).sealer._key == b"ours"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("state", [1, None, [], {}])
def test_a_state_is_a_word_or_a_wish(state: object, trained: Trained) -> None:
    answer = trained.service.client.post(trained.path("/generate"), json={"state": state})
    assert {"state"} == {fault["path"] for fault in problem(answer, 422, "invalid-request")["problems"]}
