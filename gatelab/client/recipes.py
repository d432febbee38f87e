"""The specs that come with Gatelab, by name: `gatelab submit recipe:NAME`."""

import re
from itertools import takewhile
from pathlib import Path

from pydantic import BaseModel

import gatelab
from gatelab.errors import InvalidSpec
from gatelab.spelling import did_you_mean, nearest

PREFIX = "recipe:"


class Recipe(BaseModel):
    """`about` is the first sentence of the comment at its beginning."""

    name: str
    about: str


def folder() -> Path:
    """Where the recipes are: beside the code in an installed package, in `examples/` of a clone."""
    package = Path(gatelab.__file__).parent
    installed = package / "examples"
    return installed if installed.is_dir() else package.parent / "examples"


def recipes() -> list[Recipe]:
    """All recipes, by their names in alphabetical order."""
    return sorted(
        (Recipe(name=file.stem, about=_about(file)) for file in folder().glob("*.yaml")), key=lambda r: r.name
    )


def find(name: str) -> Path:
    """The file of a recipe.

    Raises:
        InvalidSpec: no recipe has this name; the message lists the known ones.
    """
    known = [recipe.name for recipe in recipes()]
    if name not in known:
        meant = did_you_mean(nearest(name, known))
        raise InvalidSpec.at("recipe", f"there is no recipe {name[:100]!r}{meant} (there are {', '.join(known)})")
    return folder() / f"{name}.yaml"


def _about(file: Path) -> str:
    lines = takewhile(lambda line: line.startswith("#"), file.read_text(encoding="utf-8").splitlines())
    return re.split(r"(?<=[.?])\s", " ".join(line.removeprefix("#").strip() for line in lines), maxsplit=1)[0]
