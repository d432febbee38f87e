"""`gatelab export`."""

from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from gatelab.client.api import ExportFormat
from gatelab.client.commands.generate import step
from gatelab.client.commands.options import DEFAULT_URL, Gatelab, RunId, Url
from gatelab.client.output import print_note
from gatelab.errors import InvalidRequest

ENDINGS = {"safetensors": ".safetensors", "onnx": ".onnx", "torch": ".pt2", "numpy": ".py"}


def export(
    run: RunId,
    file: Annotated[Path, typer.Argument(help="The file to write.", dir_okay=False)],
    format: Annotated[
        str | None,
        typer.Option(help=f"One of {', '.join(get_args(ExportFormat))}. By default, the ending of the file decides."),
    ] = None,
    checkpoint: Annotated[str, typer.Option(metavar="STEP", help="A step, latest, or best.")] = "latest",
    url: Url = DEFAULT_URL,
) -> None:
    """Write a trained model to a file for other programs."""
    chosen = _format(format, file)
    with Gatelab(url) as gatelab:
        made = gatelab.export(run, chosen, step(checkpoint))
    file.write_bytes(made)
    print_note(f"wrote {len(made):,} bytes to {file}")


def _format(named: str | None, file: Path) -> ExportFormat:
    """
    Raises:
        InvalidRequest: there is no such format, or the file's ending belongs to none.
    """
    wanted = named or next((name for name, ending in ENDINGS.items() if file.suffix == ending), None)
    if wanted not in ENDINGS:
        given = f"the format {named[:40]!r}" if named else f"the ending {file.suffix[:40]!r} of {file.name[:80]!r}"
        allowed = ", ".join(f"{name} ({ending})" for name, ending in ENDINGS.items())
        raise InvalidRequest.at("format", f"{given} is not known; use {allowed}")
    return cast(ExportFormat, wanted)
