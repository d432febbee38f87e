"""`gatelab cells`: the published cells, and checks of the equations of any other."""

from pathlib import Path
from typing import Annotated

import typer

from gatelab.client.commands.corpora import read_utf8
from gatelab.client.commands.options import DEFAULT_URL, AsJson, Gatelab, Url, command_group
from gatelab.client.formatting import count
from gatelab.client.models import CheckedCell
from gatelab.client.output import print_json, print_line, print_table
from gatelab.errors import InvalidRequest

app = command_group("Recurrent cells written as equations: list, show, check.")


@app.command("list")
def list_(url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """List the published cells, which a spec may name: {kind: mgu}."""
    with Gatelab(url) as gatelab:
        cells = list(gatelab.cells())
    if as_json:
        print_json(cells)
    else:
        rows = ([cell.name, ", ".join(cell.gates) or "-", cell.title, cell.source] for cell in cells)
        print_table(("name", "gates", "cell", "source"), rows)


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of a published cell.")],
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Print the equations of a published cell, to start your own from."""
    with Gatelab(url) as gatelab:
        cell = gatelab.cell(name)
    if as_json:
        print_json(cell)
    else:
        print_line(cell.equations.rstrip())


@app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A text file of equations.")],
    hidden: Annotated[int, typer.Option(min=1, help="Number of hidden units.")] = 32,
    inputs: Annotated[int, typer.Option(min=1, help="Size of the input: the vocabulary, or the embedding.")] = 28,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Check equations: print what they cost, or where their first mistake is."""
    with Gatelab(url) as gatelab:
        found = gatelab.check_cell(read_utf8(file, InvalidRequest), hidden, inputs)
    if as_json:
        print_json(found)
    else:
        print_checked(found, hidden, inputs)


def print_checked(cell: CheckedCell, hidden: int, inputs: int) -> None:
    print_line(f"states      {', '.join(cell.states)}")
    print_line(f"gates       {', '.join(cell.gates) or '-'}")
    print_line(
        f"costs       {count(cell.parameter_count)} parameters, {count(cell.flops)} operations per token"
        f" ({cell.beside_gru:.0%} of a GRU's)"
    )
    print_line(f"stages      {cell.stages}: recurrent products that are computed one after another")
    print_line("")
    sizes = {"inputs": inputs, "hidden": hidden}
    rows = (
        [
            parameter.name,
            " x ".join(str(sizes.get(size, size)) for size in parameter.shape) or "1",
            "random" if parameter.initial is None else str(parameter.initial),
        ]
        for parameter in cell.parameters
    )
    print_table(("parameter", "shape", "initial value"), rows)
    for advice in cell.advice:
        print_line(f"note: {advice.message}")
