"""Keys over HTTP: who may enter, what each scope allows, and that no account sees another account's objects."""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from gatelab.store.keys import Scope
from service.authorization import COOKIE
from tests.service.installation import SERVER, SPEC, TEXT, Installation, bearer, installation, problem

ACCOUNTS = "ada", "bob"
OPEN = {("GET", "/healthz"), ("GET", "/readyz"), *((method, "/v1/login") for method in ("GET", "POST", "DELETE"))}
"""Routes that need no key."""
OPENAI = re.compile(r"/v1/(completions|models)|/openai/")


@dataclass(frozen=True)
class Locked:
    """An installation that asks for keys. Ada has a trained run; Bob has nothing."""

    service: Installation
    secrets: dict[tuple[str, Scope], str]
    names: dict[str, str]
    """Ada's ids, for `{job}`, `{run}` and so on in a path."""

    def ask(self, method: str, path: str, account: str, scope: Scope = Scope.ADMIN, **request: Any) -> Response:
        return self.service.client.request(method, path, headers=bearer(self.secrets[account, scope]), **request)


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    folder = tmp_path_factory.mktemp("locked")
    with installation(folder, auth=True) as service:
        secrets = {
            (account, scope): service.store.keys.create(account, scope, "test")[1]
            for account in ACCOUNTS
            for scope in Scope
        }
        locked = Locked(service, secrets, {})
        corpus = locked.ask("POST", "/v1/corpora", "ada", json={"name": "wells", "text": TEXT}).json()["id"]
        job = locked.ask("POST", "/v1/jobs", "ada", json=SPEC).json()["id"]
        service.work()
        [run] = locked.ask("GET", f"/v1/runs?job={job}", "ada").json()["data"]
        key, _ = service.store.keys.create("ada", Scope.READ, "spare")
        names = {"corpus": corpus, "job": job, "run": run["id"], "key": key.id, "step": str(run["step"])}
        locked.names.update(names, model=run["id"], model_name=run["id"])
        yield locked


def routes(service: Installation) -> list[tuple[str, str]]:
    """Every route in the service's description."""
    document = service.client.get("/openapi.json").json()
    return [(method.upper(), path) for path, methods in document["paths"].items() for method in methods]


def filled(path: str, names: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda part: names[part[1]], path)


def refused(answer: Response, path: str, status: int, kind: str) -> None:
    """The error in the format of the route."""
    if OPENAI.search(path):
        assert answer.status_code == status, answer.text
        assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    else:
        problem(answer, status, kind)


def test_nothing_is_answered_without_a_key(locked: Locked) -> None:
    client = locked.service.client
    found = routes(locked.service)
    assert len(found) > 40
    for method, path in found:
        if (method, path) in OPEN:
            continue
        for headers in ({}, bearer("gatelab_wrong"), {"Authorization": "Basic YTpi"}, {"Cookie": f"{COOKIE}=wrong"}):
            answer = client.request(method, filled(path, locked.names), headers=headers, json={})
            refused(answer, path, 401, "not-authenticated")
            assert answer.headers["www-authenticate"] == "Bearer"


def test_what_is_another_account_s_is_not_there(locked: Locked) -> None:
    """Every route with an object in its path answers Bob as if Ada's object did not exist."""
    checked = 0
    for method, path in routes(locked.service):
        named = set(re.findall(r"\{(\w+)\}", path)) & {"corpus", "job", "run", "model", "model_name"}
        if not named or "/keys/" in path:
            continue
        answer = locked.ask(
            method, filled(path, locked.names), "bob", json={"prompt": "a", "model": "x", "texts": ["a"]}
        )
        assert answer.status_code in (404, 422, 400), (method, path, answer.text)
        if answer.status_code != 404:
            # The body itself was invalid, which reveals nothing, not even to somebody who does not own the run.
            own = locked.ask(method, filled(path, dict.fromkeys(locked.names, "nobody")), "bob", json={})
            assert own.status_code == answer.status_code, (method, path)
        checked += 1
    assert checked > 25
    assert locked.ask("GET", f"/v1/runs/{locked.names['run']}", "ada").status_code == 200


def test_bodies_and_queries_name_nothing_of_another_account(locked: Locked) -> None:
    run, job = locked.names["run"], locked.names["job"]
    asked: list[tuple[str, str, Any]] = [
        ("POST", "/v1/completions", {"model": run, "prompt": "a"}),
        ("POST", "/v1/completions", {"model": f"{run}@{locked.names['step']}", "prompt": "a"}),
        ("GET", f"/v1/models/{run}", None),
        ("GET", f"/v1/compare?runs={run}", None),
        ("GET", f"/v1/runs?job={job}", None),
        ("POST", "/v1/jobs", SPEC),
        ("POST", "/v1/jobs", SPEC | {"corpus": locked.names["corpus"]}),
        ("POST", "/v1/jobs?dry_run=true", SPEC),
        ("POST", f"/v1/runs/{run}/generate", {"prompt": "a"}),
        ("POST", f"/v1/runs/{run}/score", {"texts": ["a"]}),
        ("POST", f"/v1/runs/{run}/gates", {"text": "a"}),
        ("POST", f"/v1/runs/{run}/openai/v1/completions", {"model": run, "prompt": "a"}),
        ("POST", f"/v1/runs/{run}/openai/tokenize", {"prompt": "a"}),
    ]
    for method, path, body in asked:
        answer = locked.ask(method, path, "bob", json=body)
        assert answer.status_code == 404, (method, path, answer.text)
        mine = locked.ask(method, path, "ada", json=body)
        assert mine.status_code in (200, 202), (method, path, mine.text)


def test_lists_have_one_s_own(locked: Locked) -> None:
    for path in ("/v1/corpora", "/v1/jobs", "/v1/runs", "/v1/models"):
        assert locked.ask("GET", path, "bob").json()["data"] == []
        assert locked.ask("GET", path, "ada").json()["data"] != []


def test_a_session_of_another_account_is_worth_nothing(locked: Locked) -> None:
    run = locked.names["run"]
    body = {"prompt": "the ", "max_tokens": 3, "state": True}
    state = locked.ask("POST", f"/v1/runs/{run}/generate", "ada", json=body).json()["state"]
    problem(locked.ask("POST", f"/v1/runs/{run}/generate", "bob", json={"state": state}), 404, "not-found")


def test_an_idempotency_key_is_each_account_s_own(locked: Locked) -> None:
    locked.ask("POST", "/v1/corpora", "bob", json={"name": "wells", "text": TEXT})
    made = {}
    for account in ACCOUNTS:
        headers = bearer(locked.secrets[account, Scope.SUBMIT]) | {"Idempotency-Key": "monday"}
        made[account] = locked.service.client.post("/v1/jobs", json=SPEC, headers=headers).json()["id"]
    assert made["ada"] != made["bob"]
    for account, job in made.items():
        locked.ask("POST", f"/v1/jobs/{job}/cancel", account)
        assert locked.ask("DELETE", f"/v1/jobs/{job}", account).status_code == 204
    locked.ask("DELETE", "/v1/corpora/wells", "bob")


def test_each_scope_may_what_it_says(locked: Locked) -> None:
    run = locked.names["run"]
    reading = [("GET", "/v1/jobs", None), ("POST", f"/v1/runs/{run}/generate", {"prompt": "a", "max_tokens": 2})]
    writing = [("POST", "/v1/corpora", {"name": "wells", "text": TEXT}), ("DELETE", "/v1/jobs/nobody", None)]
    ruling = [("GET", "/v1/keys", None), ("POST", "/v1/keys", {"account": "eve"})]
    for asked, needed in ((reading, Scope.READ), (writing, Scope.SUBMIT), (ruling, Scope.ADMIN)):
        for method, path, body in asked:
            for scope in Scope:
                answer = locked.ask(method, path, "ada", scope, json=body)
                if scope.allows(needed):
                    assert answer.status_code in (200, 201, 404), answer.text
                else:
                    assert needed.value in problem(answer, 403, "not-allowed")["detail"]


def test_keys_are_made_listed_rotated_and_revoked(locked: Locked) -> None:
    def ask(method: str, path: str, **request: Any) -> Any:
        return locked.ask(method, path, "ada", **request)

    def allowed(secret: str) -> int:
        return locked.service.client.get("/v1/account", headers=bearer(secret)).status_code

    made = ask("POST", "/v1/keys", json={"account": "carl", "scope": "read", "name": "phone"}).json()
    assert allowed(made["secret"]) == 200
    assert made["secret"] not in ask("GET", "/v1/keys").text
    rotated = ask("POST", f"/v1/keys/{made['key']['id']}/rotate").json()
    assert (allowed(made["secret"]), allowed(rotated["secret"])) == (401, 200)
    assert rotated["key"]["account"] == "carl"
    assert ask("DELETE", f"/v1/keys/{rotated['key']['id']}").json()["revoked_at"] is not None
    assert allowed(rotated["secret"]) == 401
    problem(ask("DELETE", "/v1/keys/nobody"), 404, "not-found")
    for body in ({}, {"account": "No Name"}, {"account": "../x"}, {"account": "a", "scope": "root"}):
        problem(ask("POST", "/v1/keys", json=body), 422, "invalid-request")


def test_the_page_s_cookie_is_a_key(locked: Locked) -> None:
    client = TestClient(locked.service.client.app, base_url=SERVER, raise_server_exceptions=False)
    problem(client.post("/v1/login", json={"key": "gatelab_wrong"}), 401, "not-authenticated")
    assert client.post("/v1/login", json={"key": locked.secrets["ada", Scope.READ]}).status_code == 204
    cookie = client.post("/v1/login", json={"key": locked.secrets["ada", Scope.READ]}).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    found = client.get("/v1/account").json()
    assert found == {"account": "ada", "scope": "read", "name": "test"}
    assert client.get("/v1/login").json() == {"auth": True, "account": found}
    assert client.delete("/v1/login").status_code == 204
    assert client.get("/v1/login").json() == {"auth": True, "account": None}
    problem(client.get("/v1/account"), 401, "not-authenticated")


def test_a_body_is_not_read_of_whom_nobody_knows(locked: Locked) -> None:
    """The answer comes before the service reads any part of the body."""
    app, sent = locked.service.client.app, []

    async def receive() -> Any:
        raise AssertionError("the body was read")

    async def send(message: Any) -> None:
        sent.append(message)

    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": "/v1/corpora"}
    scope["headers"] = [(b"host", b"localhost")]
    scope |= {"query_string": b"", "raw_path": b"/v1/corpora", "root_path": "", "scheme": "http", "http_version": "1.1"}
    asyncio.run(app(scope, receive, send))  # type: ignore[arg-type]
    assert sent[0]["status"] == 401
