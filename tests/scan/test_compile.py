"""Compiling the code of cells: once, within bounds, and never from a folder that others can write to."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gatelab.equations import Representation, read
from gatelab.equations.bounds import MEANS, STAGES, STATES
from gatelab.equations.cpp.generate import generate
from gatelab.scan import native
from gatelab.scan.native import Unavailable, build, compile
from gatelab.scan.native.compilations import Compilation, compilations
from gatelab.scan.native.compile import CellCode, code_of
from gatelab.scan.native.interface import ABI
from gatelab.specs import CellSpec, EquationsSpec
from gatelab.training.engines import choose_engine
from tests.randomized import CLASSIC, cell_name

PLAIN = "h' = tanh(Weights_of_somebody @ x + U @ h + 0.125 * h + b_secret)"


SMALL = """#include "engine.h"
const GatelabCode *gatelab_code(void) {
    static GatelabCode code{GATELAB_ABI, 0, %d, 0, {}, {}};
    return &code;
}"""


def small(representation: Representation) -> str:
    """Code that is compiled instead of a cell's, in a fraction of the time."""
    return f"// {representation.digest}\n{SMALL % len(representation.states)}"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and a process that has compiled nothing."""
    monkeypatch.setenv("GATELAB_CELL_CACHE", str(tmp_path / "cells"))
    monkeypatch.setattr(compile, "_loaded", {})
    monkeypatch.setattr(compile, "generate", small)
    monkeypatch.setattr("gatelab.training.engines._told", set())
    return tmp_path / "cells"


def compiled(equations: str = PLAIN) -> CellCode:
    compile._loaded.clear()
    return code_of(read(equations), native.load())


def the_library(folder: Path) -> Path:
    [path] = folder.glob("*.so")
    return path


def test_a_cell_is_compiled_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled()
    before = the_library(folder).read_bytes()
    assert folder.stat().st_mode & 0o777 == 0o700
    monkeypatch.setattr(compile, "_compile", lambda *_: pytest.fail("its code exists"))
    # A cell with other letters computes the same.
    compiled(PLAIN.replace("U ", "V ").replace("b_secret", "b"))
    assert the_library(folder).read_bytes() == before
    assert code_of(read(PLAIN), native.load()) is code_of(read(PLAIN), native.load())


def test_whoever_waits_for_a_compiler_hears_of_it(folder: Path) -> None:
    heard = list[Compilation]()
    with compilations(heard.append):
        compiled()
        assert [(each.digest, each.precision) for each in heard] == [(read(PLAIN).digest, "fp32")]
        compiled()  # it is in the folder
        code_of(CLASSIC[0].representation, native.load())  # it came with the library
    compiled(PLAIN.replace("0.125", "0.25"))  # no other process needs it any more
    assert len(heard) == 1
    assert len(list(folder.glob("*.so"))) == 2


@pytest.mark.parametrize("damage", [b"", b"no library", None])
def test_what_is_damaged_is_made_again(damage: bytes | None, folder: Path) -> None:
    compiled()
    path = the_library(folder)
    good = path.read_bytes()
    path.unlink()  # what is loaded must stay as it is
    path.write_bytes(good[: len(good) // 2] if damage is None else damage)
    assert compiled().code.contents.states == 1
    assert len(the_library(folder).read_bytes()) == len(good)


def test_code_of_another_version_is_made_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled()
    [stamp] = folder.glob("*.sum")
    good = stamp.read_text()
    stamp.write_text(good.replace(f"{ABI} ", f"{ABI - 1} "))
    compiled()
    assert stamp.read_text() == good
    monkeypatch.setattr(compile, "generate", lambda _: small(read(PLAIN)).replace("GATELAB_ABI", "4"))
    with pytest.raises(Unavailable, match="cannot be loaded"):
        compiled()


def test_nothing_of_the_text_gets_into_the_code() -> None:
    source = generate(read(PLAIN))
    assert "somebody" not in source
    assert "secret" not in source
    assert "0x1.0000000000000p-3f" in source
    assert "inff" in generate(read("h' = 1e99 * tanh(W @ x)"))


def test_a_cell_at_all_bounds_is_generated() -> None:
    lines = ["v_0 = tanh(W @ x)"]
    lines += [f"v_{i} = tanh(U_{i} @ v_{i - 1} + s_{i})\ns_{i}' = s_{i} + v_{i}" for i in range(1, STATES)][
        : STAGES - 1
    ]
    lines += [f"a_0 = U @ v_{STAGES - 1} + h"]
    lines += [f"a_{i + 1} = a_{i} - mean(a_{i} * a_{i})" for i in range(MEANS)]
    lines += [f"h' = a_{MEANS}"]
    assert f"phases = {STAGES + 1 + MEANS}" in generate(read("\n".join(lines)))


def test_the_folder_has_a_bound(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compile, "ROOM", 1)
    compiled()
    compiled(PLAIN.replace("tanh", "sigmoid"))
    assert the_library(folder).exists()
    assert len(list(folder.glob("*.sum"))) == 1


def test_a_folder_that_others_can_write_to_is_not_trusted(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(Unavailable, match="is writable by other users"):
        compiled()


def test_a_compiler_that_fails_or_takes_too_long_is_not_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = tmp_path / "compiler"
    for script, message in (("echo no >&2; exit 1", "the compiler failed for the cell: no"), ("sleep 60", "took more")):
        compiler.write_text(f"#!/bin/sh\n[ $1 = --version ] && exit\necho >> {tmp_path}/asked\n{script}\n")
        compiler.chmod(0o755)
        monkeypatch.setenv("CXX", str(compiler))
        monkeypatch.setattr(compile, "PATIENCE", 1)
        with pytest.raises(Unavailable, match=message):
            compiled()
        with pytest.raises(Unavailable, match=message):
            code_of(read(PLAIN), native.load())
    assert (tmp_path / "asked").read_text() == "\n\n"


def test_without_a_compiler_pytorch_trains_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> str:
        raise build.NotBuilt("none")

    monkeypatch.setattr(build, "find_compiler", missing)
    cell = EquationsSpec(kind="equations", equations=PLAIN)
    with capture_logs() as logs:
        assert choose_engine("cpu", cell=cell) == "torch"
    [entry] = logs
    assert "no C++ compiler, which a cell of equations needs" in entry["reason"]


def test_where_compiling_is_turned_off_what_is_there_is_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATELAB_COMPILE_CELLS", "false")
    with pytest.raises(Unavailable, match="GATELAB_COMPILE_CELLS turns compiling off"):
        compiled()
    assert not list(folder.glob("*.so"))
    monkeypatch.setenv("GATELAB_COMPILE_CELLS", "true")
    compiled()
    monkeypatch.setenv("GATELAB_COMPILE_CELLS", "0")
    compiled()


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("GATELAB_CELL_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", home)
    with pytest.raises(Unavailable, match="set GATELAB_CELL_CACHE to one"):
        compiled()


@pytest.mark.parametrize("spec", CLASSIC, ids=cell_name)
def test_the_classic_cells_need_no_compiler(spec: CellSpec, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "find_compiler", lambda: pytest.fail("it is in the library"))
    library = native.load()
    for precision in library.precisions:
        code = code_of(spec.representation, library, precision).code.contents  # type: ignore[arg-type]
        assert (code.states, code.letters) == (len(spec.representation.states), len(spec.representation.parameters))
    assert choose_engine("cpu", cell=spec) == "native"
    assert not folder.exists()


def test_what_a_cell_is_called_makes_no_difference() -> None:
    """A GRU that a user writes with other letters uses the library's code."""
    own = "r = sigmoid(A @ x + B @ h + b_1)\nz = sigmoid(C @ x + D @ h + b_2)\nn = tanh(E @ x + F @ (r * h) + b_3)\n"
    assert native.load().known(read(own + "h' = z * h + (1 - z) * n").digest, "fp32") is None  # gates have their names
    renamed = own.replace("r = ", "reset = ").replace("z = ", "update = ").replace("(r *", "(reset *")
    assert native.load().known(read(renamed + "h' = update * h + (1 - update) * n").digest, "fp32") is not None
