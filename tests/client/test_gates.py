"""`gatelab gates` and `gatelab recall`, and the client's methods of the gate lab, on a real run."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gatelab.client.api import Gatelab
from gatelab.client.heat.colours import colour
from gatelab.specs import ClampSpec, CopySpec, RecallSpec
from tests.client.live import Live
from tests.client.trained import TASK, Trained
from tests.client.wire import Asked

TEXT = "the time é"
"""A text whose last letter is unknown to the run."""
TOP, LEFT, ROW, STEP = 12 + 2 * 20, 12 + 76, 14, 16
"""Pixels of an image: the place of its first panel, and the size of a value."""


def raw_gates(trained: Trained, text: str = TEXT, **options: Any) -> Any:
    """The service's own answer."""
    return trained.raw_post(f"/v1/runs/{trained.run('done')['id']}/gates", {"text": text, **options})


def command(trained: Trained, *arguments: str) -> str:
    """What `gatelab gates` prints of the run."""
    result = trained.command("gates", trained.run("done")["id"], *arguments)
    assert result.exit_code == 0, result.stderr
    return result.stdout


# -- What is shown ----------------------------------------------------------------------------------------------------


def digits(label: str, values: list[float]) -> str:
    """A line of a map: the first decimal digit of each value."""
    return f"{label:<10}" + "".join(str(min(int(abs(value) * 10), 9)) for value in values)


def units_of(layer: Any, values: list[list[float]]) -> list[str]:
    columns = zip(*values, strict=True)
    return [digits(f"unit {unit}", list(column)) for unit, column in zip(layer["units"], columns, strict=True)]


def expected_map(answer: Any) -> list[str]:
    """Everything that must be printed of an answer with one layer."""
    [layer], letters = answer["layers"], " " * 10 + "▸the·time·?"
    lines: list[str] = []
    for name, values in [*layer["gates"].items(), ("hidden", layer["hidden"])]:
        found = layer["statistics"][name]
        title = f"{name}: mean {np.mean(found['mean']):.2f}"
        if name in layer["gates"]:
            low, high = np.mean(found["near_zero"]), np.mean(found["near_one"])
            title += f", {low:.0%} under 0.1, {high:.0%} over 0.9"
        lines += [title, letters, digits("mean", found["mean"]), *units_of(layer, values), ""]
    influence = answer["influence"]
    norms = [entry["norm"] for entry in influence["inputs"]]
    length = influence["memory_length"]
    lines += [
        f"influence on step {influence['output']}: greatest {max(norms):.3g}, initial state "
        f"{influence['initial_state']:.3g}, memory {'longer than the text' if length is None else f'{length} steps'}",
        letters,
        digits("share", [norm / max(norms) for norm in norms]),
        "",
    ]
    likeliest = [f"{token['token']!r} {token['probability']:.0%}" for token in answer["next"][:5]]
    return [*lines, "next: " + ", ".join(likeliest)]


def test_the_map_can_be_read_without_colours(trained: Trained) -> None:
    result = trained.command("gates", trained.run("done")["id"], TEXT, "--influence", "6")
    assert result.exit_code == 0, result.stderr
    lines = [line.rstrip() for line in result.stdout.splitlines()]
    assert lines == expected_map(raw_gates(trained, influence={"output": 6}))
    assert result.stderr == "characters that the model does not know: 1\n"


def test_the_units_that_vary_most_are_shown(trained: Trained) -> None:
    shown = command(trained, TEXT, "--rows", "1").splitlines()
    [layer] = raw_gates(trained)["layers"]
    panels = [*layer["gates"].values(), layer["hidden"]]
    most = [layer["units"][np.asarray(values).std(axis=0).argmax()] for values in panels]
    assert [line.split()[1] for line in shown if line.startswith("unit ")] == [str(unit) for unit in most]


def test_the_image_has_the_colours_of_the_values(trained: Trained, tmp_path: Path) -> None:
    file = tmp_path / "map.png"
    result = trained.command("gates", trained.run("done")["id"], TEXT, "--png", str(file))
    assert f"written to {file}" in result.stderr
    [layer] = raw_gates(trained)["layers"]
    name, values = next(iter(layer["gates"].items()))
    rows = [layer["statistics"][name]["mean"], *zip(*values, strict=True)]
    with Image.open(io.BytesIO(file.read_bytes())) as image:
        assert image.format == "PNG"
        shown = [
            [image.getpixel((LEFT + STEP * at + 8, TOP + ROW * row + 7)) for at in range(len(values))]
            for row in range(len(rows))
        ]
    assert shown == [[colour(value, 0.0) for value in row] for row in rows]


def test_numbers_come_as_json_and_as_arrays(trained: Trained, tmp_path: Path) -> None:
    answer = raw_gates(trained)
    as_json = json.loads(command(trained, TEXT, "--json"))
    for name in ("layer", "units", "gates", "hidden"):
        assert as_json["layers"][0][name] == answer["layers"][0][name]
    for name in ("checkpoint", "tokens", "unknown_characters", "next"):
        assert as_json[name] == answer[name]
    file = tmp_path / "gates.npz"
    assert command(trained, TEXT, "--npz", str(file)) == ""
    assert trained.wire.asked[-1].body["format"] == "npz"
    with np.load(file) as arrays:
        assert arrays["tokens"].tolist() == answer["tokens"]
        for name, values in answer["layers"][0]["gates"].items():
            np.testing.assert_allclose(arrays[f"layer0.gates.{name}"], values, rtol=1e-6)


def test_a_file_that_cannot_be_written_is_named(trained: Trained, tmp_path: Path) -> None:
    result = trained.command("gates", trained.run("done")["id"], "ab", "--png", str(tmp_path))
    assert result.exit_code == 1
    assert f"{tmp_path}: cannot be written" in result.stderr


# -- What is asked for ------------------------------------------------------------------------------------------------


def test_gates_are_held_as_the_options_say(trained: Trained) -> None:
    held = ["update=0.5", "update=1@5-7,9", "0.reset[3,4]=0"]
    options = [part for hold in held for part in ("--hold", hold)]
    options += ["--layer", "0", "--unit", "3", "--unit", "4", "--checkpoint", "3"]
    answer = json.loads(command(trained, TEXT, *options, "--json"))
    assert trained.wire.asked[0].body == {
        "text": TEXT,
        "checkpoint": 3,
        "layers": [0],
        "units": [3, 4],
        "clamp": [
            {"gate": "update", "value": 0.5, "layer": None, "units": None, "at": None},
            {"gate": "update", "value": 1.0, "layer": None, "units": None, "at": [5, 6, 7, 9]},
            {"gate": "reset", "value": 0.0, "layer": 0, "units": [3, 4], "at": None},
        ],
    }
    [layer] = answer["layers"]
    assert (answer["checkpoint"], layer["units"]) == (3, [3, 4])
    assert layer["gates"]["reset"] == [[0.0, 0.0]] * 11
    assert layer["gates"]["update"] == [[1.0, 1.0] if at in (5, 6, 7, 9) else [0.5, 0.5] for at in range(11)]


@pytest.mark.parametrize(
    "wrong", ["update", "update=2", "update=1@", "update=1@5-3", "update=1@5--7", "=1", "Update=1"]
)
def test_a_hold_that_is_none_is_not_sent(wrong: str, trained: Trained) -> None:
    result = trained.command("gates", "run", "ab", "--hold", wrong)
    assert (result.exit_code, trained.wire.asked) == (1, [])
    assert result.stderr.startswith("hold: must be ")


def test_the_client_asks_for_what_its_arguments_say(gatelab: Gatelab, trained: Trained) -> None:
    clamp: list[Any] = [ClampSpec(gate="update", value=1), {"gate": "reset", "value": 0}]
    influence = {"output": 1}
    found = gatelab.gates(
        trained.run("done")["id"], TEXT, clamp=clamp, units=range(2), influence=influence, values=False
    )
    body: dict[str, Any] = {
        "clamp": [{"gate": "update", "value": 1.0}, {"gate": "reset", "value": 0}],
        "units": [0, 1],
        "influence": influence,
        "values": False,
    }
    assert trained.wire.asked[0].body == {"text": TEXT, **body}
    raw = raw_gates(trained, **body)
    assert found.influence is not None
    assert [entry.norm for entry in found.influence.inputs] == [entry["norm"] for entry in raw["influence"]["inputs"]]
    [layer] = found.layers
    assert (layer.units, layer.gates, layer.hidden) == ([0, 1], None, None)
    assert layer.statistics["update"].mean == raw["layers"][0]["statistics"]["update"]["mean"]


# -- Memory -----------------------------------------------------------------------------------------------------------


def last(live: Live) -> Asked:
    return live.wire.asked[-1]


def test_a_memory_task_is_made(writer: Gatelab, fresh: Live) -> None:
    task = CopySpec(kind="copy", lag=7, width=3, examples=20)
    made = writer.make_corpus("copying", task)
    asked = {"name": "copying", "synthetic": {"kind": "copy", "lag": 7, "width": 3, "examples": 20}}
    assert last(fresh).body == asked
    assert made.characters == fresh.raw("/v1/corpora/copying")["characters"] == 20 * len("abc1231231?abc\n")

    result = fresh.command("corpora", "make", "memory", "--lag", "20", "--symbols", "4")
    defaults = {"examples": 10_000, "seed": 0}
    assert last(fresh).body == {"name": "memory", "synthetic": {"kind": "recall", "lag": 20, "symbols": 4, **defaults}}
    assert result.stdout.startswith(f"memory: {fresh.raw('/v1/corpora/memory')['characters']} characters, sha256 ")


def test_memory_is_tested(gatelab: Gatelab, trained: Trained) -> None:
    run = trained.run("memory")["id"]
    body = {"task": TASK, "examples": 50, "checkpoint": "latest"}
    raw = trained.raw_post(f"/v1/runs/{run}/recall", body)
    found = gatelab.recall(run, RecallSpec.model_validate(TASK), examples=50)
    assert last(trained).body == body
    assert (found.accuracy, found.loss, found.chance, found.symbols) == (
        raw["accuracy"],
        raw["loss"],
        raw["chance"],
        50,
    )
    options = ("--lag", "3", "--symbols", "3", "--examples", "50")
    shown = trained.command("recall", run, *options).stdout
    assert last(trained).body == body
    assert shown == f"{raw['accuracy']:.1%} of 50 symbols recalled; guessing gets {raw['chance']:.1%}\n"
    trained.command("recall", run, *options, "--width", "2")
    assert last(trained).body["task"] == {"kind": "copy", "width": 2, "lag": 3, "symbols": 3}
