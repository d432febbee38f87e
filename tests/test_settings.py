"""Settings: the variables of the environment, their names, and refused values."""

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from gatelab.errors import InvalidInput
from gatelab.settings import Settings, load


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable and no file from outside has an effect."""
    for name in list(os.environ):
        if name.upper().startswith("GATELAB_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def database(settings: Settings) -> str:
    return settings.database_url.get_secret_value()


def test_a_worker_opens_no_port_unless_it_is_asked_to() -> None:
    assert (load().metrics_port, load().metrics_host) == (0, "127.0.0.1")


# -- The environment ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "field", "text", "value"),
    [
        ("GATELAB_DATA_DIR", "data_dir", "/some/where", Path("/some/where")),
        ("GATELAB_QUEUE", "queue", "other", "other"),
        ("GATELAB_DEVICE", "device", "cpu", "cpu"),
        ("GATELAB_ENGINE", "engine", "torch", "torch"),
        ("GATELAB_THREADS", "threads", "4", 4),
        ("GATELAB_LEASE_SECONDS", "lease_seconds", "12.5", 12.5),
        ("GATELAB_MAX_CRASHES", "max_crashes", "7", 7),
        ("GATELAB_LOG_JSON", "log_json", "true", True),
    ],
)
def test_each_setting_has_its_variable(
    variable: str, field: str, text: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert getattr(load(), field) != value
    monkeypatch.setenv(variable, text)
    assert getattr(load(), field) == value


def test_limits_are_set_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    default = load().limits
    monkeypatch.setenv("GATELAB_LIMITS__HIDDEN", "77")
    monkeypatch.setenv("GATELAB_LIMITS__RUNS_PER_JOB", "5")
    assert load().limits == default.model_copy(update={"hidden": 77, "runs_per_job": 5})


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATELAB_THREADS", "")
    monkeypatch.setenv("GATELAB_DATABASE_URL", "")
    assert load() == Settings()


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load().queue = "other"  # type: ignore[misc]


# -- Where data lie -----------------------------------------------------------------------------------------------


def test_the_default_database_lies_in_the_data_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert database(load()) == f"sqlite:///{tmp_path}/data/gatelab.db"
    monkeypatch.setenv("GATELAB_DATA_DIR", "/some/where")
    assert database(load()) == "sqlite:////some/where/gatelab.db"
    assert database(Settings(data_dir=Path("else"))) == f"sqlite:///{tmp_path}/else/gatelab.db"


def test_a_database_that_is_named_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATELAB_DATA_DIR", "/some/where")
    monkeypatch.setenv("GATELAB_DATABASE_URL", "postgresql://host/gatelab")
    assert database(load()) == "postgresql://host/gatelab"


def test_blobs_lie_in_the_data_directory(tmp_path: Path) -> None:
    assert Settings(data_dir=Path("else")).blob_dir == tmp_path / "else" / "blobs"


def test_passwords_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATELAB_DATABASE_URL", "postgresql://user:hunter2@host/gatelab")
    monkeypatch.setenv("GATELAB_BROKER_URL", "redis://:hunter2@host/0")
    settings = load()
    assert "hunter2" in database(settings)
    for shown in (repr(settings), str(settings), settings.model_dump_json()):
        assert "hunter2" not in shown


# -- What is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("GATELAB_DEVICE", "tpu"),
        ("GATELAB_ENGINE", "jax"),
        ("GATELAB_MAX_PACK", "0"),
        ("GATELAB_THREADS", "-1"),
        ("GATELAB_THREADS", "many"),
        ("GATELAB_LEASE_SECONDS", "0"),
        ("GATELAB_HEARTBEAT_SECONDS", "-5"),
        ("GATELAB_MAX_CRASHES", "0"),
        ("GATELAB_INLINE_CHECKPOINT_BYTES", "-1"),
    ],
)
def test_a_wrong_variable_is_named(variable: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, text)
    with pytest.raises(InvalidInput) as refusal:
        load()
    assert [problem.path for problem in refusal.value.problems] == [variable]


def test_all_wrong_variables_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {"GATELAB_THREADS": "x", "GATELAB_DEVICE": "tpu", "GATELAB_MAX_CRASHES": "0"}
    for variable, text in wrong.items():
        monkeypatch.setenv(variable, text)
    with pytest.raises(InvalidInput) as refusal:
        load()
    assert {problem.path for problem in refusal.value.problems} == wrong.keys()


@pytest.mark.parametrize(("name", "text"), [("HIDDEN", "0"), ("COLOUR", "3")])
def test_a_wrong_limit_is_refused(name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"GATELAB_LIMITS__{name}", text)
    with pytest.raises(InvalidInput) as refusal:
        load()
    assert [problem.path for problem in refusal.value.problems] == [f"GATELAB_LIMITS__{name}"]


@pytest.mark.parametrize(("lease", "heartbeat"), [(9.9, 5), (30, 15.1), (1, 5)])
def test_a_lease_shorter_than_two_heartbeats_is_refused(lease: float, heartbeat: float) -> None:
    with pytest.raises(ValidationError, match="at least twice heartbeat_seconds"):
        Settings(lease_seconds=lease, heartbeat_seconds=heartbeat)


def test_a_lease_of_two_heartbeats_is_allowed() -> None:
    assert Settings(lease_seconds=10, heartbeat_seconds=5).lease_seconds == 10
