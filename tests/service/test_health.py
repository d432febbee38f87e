"""/healthz and /readyz, and a database that cannot be reached."""

from pathlib import Path

import pytest

from gatelab import machine
from gatelab.store.migrate import upgrade
from tests.service.installation import Installation, client, problem, settings_in


def test_a_service_is_ready_once_the_tables_are_there(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    with client(settings) as http:
        assert http.get("/healthz").json() == {"status": "ok"}
        answer = http.get("/readyz")
        assert "gatelab.store.migrate" in problem(answer, 503, "unavailable")["detail"]
        assert answer.headers["retry-after"] == "1"
        upgrade(settings)
        ready = http.get("/readyz")
        assert (ready.status_code, ready.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("path", ["/readyz", "/v1/corpora", "/v1/jobs", "/v1/runs", "/v1/runs/some/metrics"])
def test_a_database_that_is_away_is_said_to_be(path: str, tmp_path: Path) -> None:
    with client(settings_in(tmp_path / "gone")) as http:
        assert http.get("/healthz").status_code == 200
        answer = http.get(path)
        problem(answer, 503, "unavailable")
        assert answer.headers["retry-after"] == "1"


def test_a_service_goes_on_when_its_database_is_back(service: Installation) -> None:
    assert service.client.get("/readyz").status_code == 200
    service.store.close()
    service.client.app.state.context.store.close()  # type: ignore[attr-defined]
    folder = service.settings.data_dir
    away = folder.rename(folder.with_name("away"))
    problem(service.client.get("/readyz"), 503, "unavailable")
    away.rename(folder)
    assert service.client.get("/readyz").status_code == 200


def test_a_service_whose_disk_is_full_is_not_ready(service: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    assert service.client.get("/readyz").status_code == 200
    monkeypatch.setattr(machine, "LEAST_FREE", 2**62)
    assert "is full" in problem(service.client.get("/readyz"), 503, "unavailable")["detail"]
    assert service.client.get("/healthz").status_code == 200
