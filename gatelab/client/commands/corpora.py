"""`gatelab corpora`: add, list, delete."""

from pathlib import Path
from typing import Annotated

import typer

from gatelab.client.commands.options import DEFAULT_URL, AsJson, Gatelab, Url, command_group
from gatelab.client.commands.recall import Lag, Symbols, Width, task
from gatelab.client.models import Corpus
from gatelab.client.output import print_json, print_line, print_table
from gatelab.errors import InvalidCorpus, InvalidInput
from gatelab.specs.texts import accepted, decode

app = command_group("Texts to train on: add, make, list, delete.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the corpus.")]


@app.command()
def add(
    name: Name,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A UTF-8 text file.")],
    url: Url = DEFAULT_URL,
) -> None:
    """Add a text file under a name."""
    text = read_text(file)
    with Gatelab(url) as gatelab:
        corpus = gatelab.add_corpus(name, text)
    print_added(corpus)


@app.command()
def make(
    name: Name,
    lag: Lag,
    symbols: Symbols = 8,
    width: Width = 1,
    examples: Annotated[int, typer.Option(min=10, help="Number of lines, a multiple of 10.")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same text.")] = 0,
    url: Url = DEFAULT_URL,
) -> None:
    """Make a text that needs memory: symbols, noise, a question mark, the same symbols again."""
    with Gatelab(url) as gatelab:
        corpus = gatelab.make_corpus(name, task(lag, symbols, width) | {"examples": examples, "seed": seed})
    print_added(corpus)


@app.command("list")
def list_(url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """List the corpora."""
    with Gatelab(url) as gatelab:
        corpora = list(gatelab.corpora())
    if as_json:
        print_json(corpora)
    else:
        rows = ([corpus.name, corpus.id, str(corpus.characters), corpus.sha256[:12]] for corpus in corpora)
        print_table(("name", "id", "characters", "sha256"), rows)


@app.command()
def delete(name: Name, url: Url = DEFAULT_URL) -> None:
    """Delete a corpus that no job uses."""
    with Gatelab(url) as gatelab:
        gatelab.delete_corpus(name)
    print_line(f"{name}: deleted")


def print_added(corpus: Corpus) -> None:
    print_line(f"{corpus.name}: {corpus.characters} characters, sha256 {corpus.sha256}, id {corpus.id}")
    for note in corpus.notes:
        print_line(f"  {note}")


def read_text(file: Path) -> str:
    """
    Raises:
        InvalidCorpus: the file cannot be read, is not UTF-8, or has nothing to learn.
    """
    text = read_utf8(file, InvalidCorpus)
    accepted(text, str(file))
    return text


def read_utf8(file: Path, refusal: type[InvalidInput]) -> str:
    """The file's text unchanged: Python's text mode would turn every line end into \\n and so change the corpus.

    Raises:
        InvalidInput: the `refusal`: the file cannot be read, or is not UTF-8.
    """
    try:
        return decode(file.read_bytes(), str(file), refusal)
    except OSError as error:
        raise refusal.at(str(file), f"cannot be read: {error.strerror}") from None
