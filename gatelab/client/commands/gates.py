"""`gatelab gates`: what the gates of a run do while it reads a text."""

import re
from pathlib import Path
from typing import Annotated

import typer

from gatelab.client import heat
from gatelab.client.api import GateOptions
from gatelab.client.commands.generate import step
from gatelab.client.commands.options import DEFAULT_URL, AsJson, Gatelab, RunId, Url
from gatelab.client.models import Gates
from gatelab.client.output import console, print_json, print_line, print_note
from gatelab.errors import InvalidRequest
from gatelab.specs import ClampSpec, InfluenceSpec, parse

HOLD = re.compile(
    r"(?:(?P<layer>[0-9]{1,7})\.)?(?P<gate>[a-z_][a-z0-9_]{0,99})(?:\[(?P<units>[0-9,-]+)\])?"
    r"=(?P<value>[0-9]*\.?[0-9]+)(?:@(?P<at>[0-9,-]+))?"
)
LIKELIEST = 5


def gates(
    run: RunId,
    text: Annotated[str, typer.Argument(help="Text for the run to read, after <bos>.")],
    checkpoint: Annotated[str, typer.Option(metavar="STEP", help="A step, latest, or best.")] = "latest",
    layer: Annotated[list[int] | None, typer.Option(help="Only this layer. Repeatable.")] = None,
    unit: Annotated[list[int] | None, typer.Option(help="Only this hidden unit. Repeatable.")] = None,
    rows: Annotated[int, typer.Option(min=1, help="Number of units to show: those that vary most.")] = 12,
    hold: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GATE=VALUE@STEPS", help="Hold a gate at a value: update=1@5-20, 0.reset[3,4]=0. Repeatable."
        ),
    ] = None,
    influence: Annotated[
        int | None, typer.Option(metavar="STEP", help="Also show what the hidden state after this step depends on.")
    ] = None,
    png: Annotated[Path | None, typer.Option(help="Also draw all units to this file.")] = None,
    npz: Annotated[Path | None, typer.Option(help="Only write all numbers to this file, for numpy.load.")] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Show what the gates of a run do while it reads a text.

    Step 0 reads <bos>, step k the k-th character. Each digit is the first decimal of an activation.
    """
    options = GateOptions(checkpoint=step(checkpoint), clamp=[read_hold(text) for text in hold or ()])
    if layer:
        options["layers"] = layer
    if unit:
        options["units"] = unit
    if influence is not None:
        options["influence"] = read_influence(influence)
    with Gatelab(url) as gatelab:
        if npz is not None:
            write(npz, gatelab.gate_arrays(run, text, **options))
            return
        found = gatelab.gates(run, text, **options)
    if as_json:
        print_json(found)
    else:
        show(found, rows)
    if png is not None:
        from gatelab.client.heat.image import png as drawn

        write(png, drawn(heat.panels(found), found.tokens))


def show(found: Gates, rows: int) -> None:
    """Print the heat maps and the likely next tokens."""
    screen = console()
    for line in heat.render(heat.panels(found, rows), found.tokens, screen.width, screen.encoding):
        screen.print(line)
    likeliest = (f"{token.token!r} {token.probability or 0:.0%}" for token in found.next[:LIKELIEST])
    print_line("next: " + ", ".join(likeliest))
    if found.unknown_characters:
        print_note(f"characters that the model does not know: {found.unknown_characters}")


def read_hold(text: str) -> ClampSpec:
    """
    Raises:
        InvalidRequest: it is not GATE=VALUE, with an optional layer, units and steps.
        InvalidSpec: it has more of them than a request may have.
    """
    if not (found := HOLD.fullmatch(text)) or float(found["value"]) > 1:
        raise InvalidRequest.at(
            "hold", f"must be [LAYER.]GATE[[UNITS]]=VALUE[@STEPS], with VALUE from 0 to 1, not {text!r}"
        )
    clamp = {
        "gate": found["gate"],
        "value": float(found["value"]),
        "layer": None if found["layer"] is None else int(found["layer"]),
        "units": None if found["units"] is None else numbers(found["units"]),
        "at": None if found["at"] is None else numbers(found["at"]),
    }
    return parse(ClampSpec, clamp)


def numbers(text: str) -> tuple[int, ...]:
    """`1,4-6` as (1, 4, 5, 6).

    Raises:
        InvalidRequest: it is not numbers and ranges with commas between them.
    """
    found: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"([0-9]{1,7})(?:-([0-9]{1,7}))?", part)
        if not match or int(match[2] or match[1]) < int(match[1]):
            raise InvalidRequest.at("hold", f"must be numbers and ranges such as 1,4-6, not {text!r}")
        found += range(int(match[1]), int(match[2] or match[1]) + 1)
    return tuple(found)


def read_influence(output: int) -> InfluenceSpec:
    """
    Raises:
        InvalidRequest: no step has this number.
    """
    if output < 0:
        raise InvalidRequest.at("influence", f"must be a step, 0 or greater, not {output}")
    return parse(InfluenceSpec, {"output": output})


def write(file: Path, data: bytes) -> None:
    """
    Raises:
        InvalidRequest: the file cannot be written.
    """
    try:
        file.write_bytes(data)
    except OSError as error:
        raise InvalidRequest.at(str(file), f"cannot be written: {error.strerror}") from None
    print_note(f"written to {file}")
