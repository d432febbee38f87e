"""Building the native engine, and what happens if it was not built."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gatelab.errors import InvalidInput
from gatelab.scan.native import build, library
from gatelab.training import engines
from gatelab.training.engines import choose_engine


@pytest.fixture
def nothing_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(library, "FOLDER", tmp_path)
    monkeypatch.setattr(engines, "_told", set())
    library.load.cache_clear()
    yield
    library.load.cache_clear()


def test_what_is_up_to_date_is_not_built_again() -> None:
    before = {path: path.stat().st_mtime_ns for path in build.build()}
    assert {path: path.stat().st_mtime_ns for path in build.build()} == before


def test_without_a_compiler_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(build.NotBuilt, match=r"no C\+\+ compiler.*apt-get install g\+\+"):
        build.build()


def test_a_compiler_that_fails_is_quoted_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "engine.cpp").write_text("no such language")
    monkeypatch.setattr(build, "SOURCE", tmp_path / "source")
    monkeypatch.setattr(build, "LIBRARIES", tmp_path / "lib")
    with pytest.raises(build.NotBuilt, match=r"failed for gatelab-.*\n.*error: "):
        build.build()
    assert {path.name for path in (tmp_path / "lib").iterdir()} <= {"lock"}


@pytest.mark.usefixtures("nothing_built")
def test_without_a_build_torch_trains_and_says_so_once() -> None:
    with capture_logs() as logs:
        assert [choose_engine("cpu"), choose_engine("cpu")] == ["torch", "torch"]
    [entry] = logs
    assert (entry["log_level"], entry["engine"]) == ("warning", "native")
    assert "no C++ compiler was found" in entry["reason"]


@pytest.mark.usefixtures("nothing_built")
def test_an_engine_that_is_asked_for_by_name_must_be_there() -> None:
    with pytest.raises(InvalidInput, match=r"GATELAB_ENGINE: is native, but .*not built.*; use auto or torch"):
        choose_engine("cpu", "native")


def test_the_fastest_engine_that_is_there_is_taken() -> None:
    assert choose_engine("cpu") == "native"
    assert choose_engine("cpu", "torch") == "torch"
    with pytest.raises(InvalidInput, match="is native, but the native engine trains on the CPU"):
        choose_engine("cuda", "native")


def test_pytorch_that_is_asked_for_by_name_must_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "find_spec", lambda _: None)
    assert choose_engine("cpu") == "native"
    with pytest.raises(InvalidInput, match=r"GATELAB_ENGINE: is torch, but PyTorch is not installed; use auto$"):
        choose_engine("cpu", "torch")


@pytest.mark.usefixtures("nothing_built")
def test_where_nothing_can_train_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "find_spec", lambda _: None)
    with pytest.raises(
        InvalidInput, match=r"is auto, but .*not built.*, and PyTorch, which would .* is not installed$"
    ):
        choose_engine("cpu")
