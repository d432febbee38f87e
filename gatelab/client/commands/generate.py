"""`gatelab generate`."""

import sys
from typing import Annotated, cast, get_args

import typer

from gatelab.client.api import SamplingOptions
from gatelab.client.commands.options import DEFAULT_URL, AsJson, Gatelab, RunId, Url
from gatelab.client.formatting import printable
from gatelab.client.models import Generation
from gatelab.client.output import print_json, print_note
from gatelab.errors import InvalidRequest
from gatelab.specs.generation import CheckpointWord
from gatelab.specs.integers import read_count
from gatelab.specs.texts import without_marks


def generate(
    run: RunId,
    prefix: Annotated[str, typer.Argument(help="Text to continue.")] = "",
    max_tokens: Annotated[int, typer.Option(help="Maximum number of tokens to generate.")] = 100,
    temperature: Annotated[float, typer.Option(help="Randomness; 0 always takes the likeliest token.")] = 1.0,
    top_k: Annotated[int | None, typer.Option(help="Sample only from the k likeliest tokens.")] = None,
    top_p: Annotated[
        float | None, typer.Option(help="Sample only from the likeliest tokens that together reach this probability.")
    ] = None,
    min_p: Annotated[
        float | None,
        typer.Option(help="Sample only tokens with at least this share of the likeliest one's probability."),
    ] = None,
    repetition_penalty: Annotated[
        float, typer.Option(help="Above 1, tokens that occurred before become less likely.")
    ] = 1.0,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same text.")] = None,
    stop: Annotated[list[str] | None, typer.Option(help="Stop before this text. Repeatable.")] = None,
    checkpoint: Annotated[
        str, typer.Option(metavar="STEP", help="A step, latest, best, or auto: best if it exists, else latest.")
    ] = "auto",
    stream: Annotated[bool, typer.Option("--stream", help="Print the text as it is generated.")] = False,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Generate text from a trained run."""
    sampling = SamplingOptions(
        max_tokens=max_tokens,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        min_p=min_p,
        repetition_penalty=repetition_penalty,
        stop=stop or [],
        seed=seed,
        checkpoint=step(checkpoint),
    )
    with Gatelab(url) as gatelab:
        if stream and not as_json:
            generation = print_stream(gatelab, run, prefix, sampling)
        else:
            generation = gatelab.generate(run, prefix, **sampling)
            if as_json:
                print_json(generation)
            else:
                print(for_output(without_marks(prefix) + generation.text))
    if generation.unknown_characters:
        print_note(f"characters of the prefix that the model does not know: {generation.unknown_characters}")


def step(text: str) -> int | CheckpointWord:
    """
    Raises:
        InvalidRequest: it is neither a step nor one of the words for one.
    """
    if text in get_args(CheckpointWord):
        return cast(CheckpointWord, text)
    if (number := read_count(text)) is None:
        raise InvalidRequest.at("checkpoint", f"must be a step, auto, latest or best, not {text[:40]!r}")
    return number


def print_stream(gatelab: Gatelab, run: str, prefix: str, sampling: SamplingOptions) -> Generation:
    """Print the pieces as they come."""
    pieces = gatelab.stream(run, prefix, **sampling)
    shown = without_marks(prefix)
    try:
        while True:
            print(for_output(shown), end="", flush=True)
            shown = next(pieces)
    except StopIteration as end:
        generation: Generation = end.value
        return generation
    finally:
        print()


def for_output(text: str) -> str:
    """The text as it is for a pipe, harmless for a terminal."""
    return printable(text) if sys.stdout.isatty() else text
