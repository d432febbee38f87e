"""Heat maps of a real answer: on a terminal with colours, on a narrow one, for strange and for long texts."""

import io

import pytest
from PIL import Image
from rich.console import Console

from gatelab.client import heat
from gatelab.client.heat.colours import SHARES, SIGNED, colour, ink
from gatelab.client.heat.image import png
from gatelab.client.models import Gates
from tests.client.trained import Trained

STEPS = 4
"""The text has three letters; step 0 reads <bos>."""


@pytest.fixture
def answer(trained: Trained) -> Gates:
    """The real answer for "a b", with values from one end of their range to the other."""
    raw = trained.raw_post(f"/v1/runs/{trained.run('done')['id']}/gates", {"text": "a b", "units": [3, 5]})
    [layer] = raw["layers"]
    layer["gates"]["update"] = [[0.0, 0.5], [0.0, 1.0], [0.0, 0.5], [0.0, 1.0]]
    layer["hidden"] = [[-1.0, 0.25], [0.0, 0.0], [1.0, 0.75], [None, -0.5]]
    return Gates.model_validate(raw)


def lines(answer: Gates, tokens: list[str], width: int = 40) -> list[str]:
    return [line.plain.rstrip() for line in heat.render(heat.panels(answer), tokens, width)]


def test_a_digit_is_the_first_after_the_point(answer: Gates) -> None:
    shown = lines(answer, answer.tokens)
    update, hidden = (shown.index(title) for title in shown if title.startswith(("update", "hidden")))
    assert shown[update + 3 : update + 5] == ["unit 3    0000", "unit 5    5959"]
    assert shown[hidden + 3 : hidden + 5] == ["unit 3    909", "unit 5    2075"]


def test_a_terminal_is_coloured(answer: Gates) -> None:
    screen = Console(file=io.StringIO(), force_terminal=True, width=40, color_system="truecolor")
    for line in heat.render(heat.panels(answer), answer.tokens, 40):
        screen.print(line)
    assert isinstance(screen.file, io.StringIO)
    shown = screen.file.getvalue()
    for low, value, scale in ((0.0, 1.0, SHARES[-1]), (0.0, 0.0, SHARES[0]), (-1.0, -1.0, SIGNED[0])):
        assert colour(value, low) == scale
        assert "48;2;{};{};{}".format(*scale) in shown


def test_a_map_that_is_too_wide_goes_on_below(answer: Gates) -> None:
    panel = heat.panels(answer, hidden=False)[:1]
    shown = [line.plain for line in heat.render(panel, ["a"] * 25, 22)]
    assert [line.split() for line in shown if line.endswith("a")] == [["0", "a" * 12], ["12", "a" * 12], ["24", "a"]]


@pytest.mark.parametrize(("token", "mark"), [("\n", "⏎"), ("\x1b", "?"), ("<unk>", "?"), ("é", "é"), ("語", "?")])
def test_what_would_disturb_a_terminal_gets_a_sign(token: str, mark: str, answer: Gates) -> None:
    _, letters, *_ = lines(answer, ["a", token, "a", "a"])
    assert letters.strip() == f"a{mark}aa"


def test_letters_can_be_read_on_every_colour() -> None:
    for low in (0.0, -1.0):
        for value in range(-10, 11):
            background = colour(value / 10, low)
            (letter,) = set(ink(background))
            luma = sum(weight * part for weight, part in zip((0.299, 0.587, 0.114), background, strict=True))
            assert abs(luma - letter) > 80


def test_a_long_text_makes_an_image_that_can_be_opened(answer: Gates) -> None:
    steps = 20_000
    layer = answer.layers[0].model_copy(update={"gates": {"update": [[0.5, 0.5]] * steps}, "hidden": None})
    long = answer.model_copy(update={"tokens": ["a"] * steps, "layers": [layer], "influence": None})
    with Image.open(io.BytesIO(png(heat.panels(long, hidden=False), long.tokens))) as image:
        assert image.width > steps
