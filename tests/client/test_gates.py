"""`gatelab gates`: heat maps that can be read, with colours and without; and the gate lab's methods of the client."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from rich.console import Console

from client import heat
from client.api import Gatelab
from client.heat.colours import SHARES, SIGNED, colour, ink
from client.heat.image import png
from client.models import Gates
from gatelab.specs import ClampSpec, CopySpec
from tests.client import fake as wire
from tests.client.conftest import Command
from tests.client.fake import FakeService

MAP = """\
update: mean 0.38, 50% under 0.1, 25% over 0.9
          ▸a·b
mean      2525
unit 3    0000
unit 8    5959

hidden: mean 0.38
          ▸a·b
mean      2525
unit 3    909
unit 8    2075

influence on step 2: greatest 2, initial state 0, memory 2 steps
          ▸a·b
share      29

next: 'c' 75%, '\\n' 25%
"""


def answer() -> Gates:
    return Gates.model_validate(wire.gates())


def test_the_map_can_be_read_without_colours(command: Command) -> None:
    result = command("gates", "run-1", "a b", "--influence", "2")
    assert result.exit_code == 0, result.stderr
    assert [line.rstrip() for line in result.stdout.splitlines()] == MAP.splitlines()
    assert "does not know: 1" in result.stderr


def test_a_terminal_is_coloured() -> None:
    screen = Console(file=io.StringIO(), force_terminal=True, width=40, color_system="truecolor")
    for line in heat.render(heat.panels(answer()), answer().tokens, 40):
        screen.print(line)
    assert isinstance(screen.file, io.StringIO)
    shown = screen.file.getvalue()
    for low, value, scale in ((0.0, 1.0, SHARES[-1]), (0.0, 0.0, SHARES[0]), (-1.0, -1.0, SIGNED[0])):
        assert colour(value, low) == scale
        assert "48;2;{};{};{}".format(*scale) in shown


def test_a_map_that_is_too_wide_goes_on_below() -> None:
    lines = [line.plain for line in heat.render(heat.panels(answer(), hidden=False)[:1], ["a"] * 25, 22)]
    assert [line.split() for line in lines if line.endswith("a")] == [
        ["0", "a" * 12],
        ["12", "a" * 12],
        ["24", "a"],
    ]


def test_the_units_that_vary_most_are_shown(command: Command) -> None:
    shown = command("gates", "run-1", "a b", "--rows", "1").stdout
    update, hidden = shown.split("hidden")
    assert "unit 8" in update
    assert "unit 3" not in update
    assert "unit 3" in hidden
    assert "unit 8" not in hidden


@pytest.mark.parametrize(("token", "mark"), [("\n", "⏎"), ("\x1b", "?"), ("<unk>", "?"), ("é", "é"), ("語", "?")])
def test_what_would_disturb_a_terminal_gets_a_sign(token: str, mark: str) -> None:
    _, letters, *_ = heat.render(heat.panels(answer()), ["a", token, "a", "a"], 40)
    assert letters.plain.strip() == f"a{mark}aa"


def test_letters_can_be_read_on_every_colour() -> None:
    for low in (0.0, -1.0):
        for value in range(-10, 11):
            background = colour(value / 10, low)
            (letter,) = set(ink(background))
            luma = sum(weight * part for weight, part in zip((0.299, 0.587, 0.114), background, strict=True))
            assert abs(luma - letter) > 80


def test_the_image_has_the_colours_of_the_values(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "map.png"
    result = command("gates", "run-1", "a b", "--png", str(file))
    assert f"written to {file}" in result.stderr
    with Image.open(file) as image:
        assert image.format == "PNG"
        rows = [[image.getpixel((12 + 76 + 16 * at + 8, top)) for at in range(4)] for top in (73, 87)]
    assert rows == [[colour(v, 0.0) for v in (0.0, 0.0, 0.0, 0.0)], [colour(v, 0.0) for v in (0.5, 1.0, 0.5, 1.0)]]


def test_a_long_text_makes_an_image_that_can_be_opened() -> None:
    found = answer()
    steps = 20_000
    layer = found.layers[0].model_copy(update={"gates": {"update": [[0.5, 0.5]] * steps}, "hidden": None})
    long = found.model_copy(update={"tokens": ["a"] * steps, "layers": [layer], "influence": None})
    with Image.open(io.BytesIO(png(heat.panels(long, hidden=False), long.tokens))) as image:
        assert image.width > steps


def test_gates_are_held_as_the_options_say(command: Command, fake: FakeService) -> None:
    held = ["update=1@5-7,9", "0.reset[3,4]=0", "update=0.5"]
    options = [part for hold in held for part in ("--hold", hold)]
    command("gates", "run-1", "ab", *options, "--layer", "0", "--unit", "3", "--unit", "4", "--checkpoint", "50")
    assert fake.asked[0][2] == {
        "text": "ab",
        "checkpoint": 50,
        "layers": [0],
        "units": [3, 4],
        "clamp": [
            {"gate": "update", "value": 1.0, "layer": None, "units": None, "at": [5, 6, 7, 9]},
            {"gate": "reset", "value": 0.0, "layer": 0, "units": [3, 4], "at": None},
            {"gate": "update", "value": 0.5, "layer": None, "units": None, "at": None},
        ],
    }


@pytest.mark.parametrize(
    "wrong", ["update", "update=2", "update=1@", "update=1@5-3", "update=1@5--7", "=1", "Update=1"]
)
def test_a_hold_that_is_none_is_not_sent(wrong: str, command: Command, fake: FakeService) -> None:
    result = command("gates", "run-1", "ab", "--hold", wrong)
    assert (result.exit_code, fake.asked) == (1, [])
    assert result.stderr.startswith("hold: must be ")


def test_numbers_come_as_json_and_as_arrays(command: Command, fake: FakeService, tmp_path: Path) -> None:
    assert json.loads(command("gates", "run-1", "ab", "--json").stdout)["layers"][0]["units"] == [3, 8]
    file = tmp_path / "gates.npz"
    assert command("gates", "run-1", "ab", "--npz", str(file)).stdout == ""
    assert file.read_bytes() == b"PK.."
    assert fake.asked[-1][2]["format"] == "npz"


def test_a_file_that_cannot_be_written_is_named(command: Command, tmp_path: Path) -> None:
    result = command("gates", "run-1", "ab", "--png", str(tmp_path))
    assert result.exit_code == 1
    assert f"{tmp_path}: cannot be written" in result.stderr


def test_the_client_asks_for_what_its_arguments_say(gatelab: Gatelab, fake: FakeService) -> None:
    clamp: list[Any] = [ClampSpec(gate="update", value=1), {"gate": "reset", "value": 0}]
    found = gatelab.gates("run-1", "ab", clamp=clamp, units=range(2), influence={"output": 1}, values=False)
    assert found.influence is not None
    assert found.influence.inputs[1].norm == 2.0
    assert fake.asked[0][2] == {
        "text": "ab",
        "clamp": [{"gate": "update", "value": 1.0}, {"gate": "reset", "value": 0}],
        "units": [0, 1],
        "influence": {"output": 1},
        "values": False,
    }


def test_memory_is_made_and_tested(gatelab: Gatelab, fake: FakeService, command: Command) -> None:
    task = CopySpec(kind="copy", lag=7, width=3)
    assert gatelab.make_corpus("memory", task).name == "book"
    assert fake.asked[-1][2] == {"name": "memory", "synthetic": {"kind": "copy", "lag": 7, "width": 3}}
    assert gatelab.recall("run-1", task, examples=5).accuracy == 0.75
    assert fake.asked[-1][2] == {
        "task": {"kind": "copy", "lag": 7, "width": 3},
        "examples": 5,
        "checkpoint": "latest",
    }
    shown = command("recall", "run-1", "--lag", "7", "--width", "3", "--examples", "9").stdout
    assert shown == "75.0% of 1000 symbols recalled; guessing gets 12.5%\n"
    asked = {"kind": "copy", "lag": 7, "width": 3, "symbols": 8}
    assert fake.asked[-1][2] == {"task": asked, "examples": 9, "checkpoint": "latest"}
    command("corpora", "make", "memory", "--lag", "20", "--symbols", "4")
    made = {"kind": "recall", "lag": 20, "symbols": 4, "examples": 10_000, "seed": 0}
    assert fake.asked[-1][2] == {"name": "memory", "synthetic": made}
