"""Bad input gets a clear 4xx and changes nothing."""

from collections.abc import Iterator

import pytest

from tests.service.bad_input import REFUSED, Refused
from tests.service.installation import Installation, installation, problem


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One installation for all cases, since none of them changes anything."""
    with installation(tmp_path_factory.mktemp("service")) as made:
        made.add_corpus()
        yield made


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_bad_input_is_refused_and_changes_nothing(case: Refused, service: Installation) -> None:
    before = service.rows()
    body = problem(case.send(service), case.status, case.type)
    assert service.rows() == before
    paths = {fault["path"] for fault in body["problems"]}
    assert paths == (set() if case.path is None else {case.path}), body


def test_every_fault_is_told_at_once(service: Installation) -> None:
    spec = {"corpus": "wells", "name": "", "model": {"layers": 0, "dropout": 2}, "repeat": 3}
    body = problem(service.client.post("/v1/jobs", json=spec), 422, "invalid-spec")
    assert [fault["path"] for fault in body["problems"]] == ["model.layers", "model.dropout", "name", "repeat"]
    assert all(f"{fault['path']}: {fault['message']}" in body["detail"] for fault in body["problems"])


def test_a_fault_says_what_is_allowed(service: Installation) -> None:
    spec = {"corpus": "wells", "model": {"cell": {"kind": "xlstm"}}}
    body = problem(service.client.post("/v1/jobs", json=spec), 422, "invalid-spec")
    [fault] = body["problems"]
    assert all(kind in fault["message"] for kind in ("xlstm", "'rnn'", "'gru'", "'lstm'"))
