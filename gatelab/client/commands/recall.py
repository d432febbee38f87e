"""`gatelab recall`: how well a run remembers."""

from typing import Annotated, Any

import typer

from gatelab.client.commands.generate import step
from gatelab.client.commands.options import DEFAULT_URL, AsJson, Gatelab, RunId, Url
from gatelab.client.output import print_json, print_line

Lag = Annotated[int, typer.Option(min=0, help="Noise characters between the symbols and their recall.")]
Symbols = Annotated[int, typer.Option(min=2, max=26, help="Number of different symbols.")]
Width = Annotated[int, typer.Option(min=1, help="Number of symbols to copy in each line; 1 is delayed recall.")]


def recall(
    run: RunId,
    lag: Lag,
    symbols: Symbols = 8,
    width: Width = 1,
    examples: Annotated[int, typer.Option(min=1, help="Number of new random lines to test.")] = 1000,
    checkpoint: Annotated[str, typer.Option(metavar="STEP", help="A step, latest, or best.")] = "latest",
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Test how many symbols a run that was trained on a memory task recalls."""
    with Gatelab(url) as gatelab:
        found = gatelab.recall(run, task(lag, symbols, width), examples, step(checkpoint))
    if as_json:
        print_json(found)
    else:
        print_line(f"{found.accuracy:.1%} of {found.symbols} symbols recalled; guessing gets {found.chance:.1%}")


def task(lag: int, symbols: int, width: int) -> dict[str, Any]:
    """A memory task as the service takes it."""
    kind: dict[str, Any] = {"kind": "copy", "width": width} if width > 1 else {"kind": "recall"}
    return {**kind, "lag": lag, "symbols": symbols}
