"""Groups of commands, each of which is imported on first use, because imports take most of the start-up time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from gatelab.errors import GatelabError
from gatelab.terminal import tolerate_any_text


@dataclass(frozen=True)
class Listed:
    """A command in the list of commands.

    Attributes:
        name: the word by which users call it.
        place: module of this package and attribute: a function, or an app with commands of its own.
        help: the first sentence of its documentation.
    """

    name: str
    place: str
    help: str

    def load(self) -> Any:
        """The command itself. Its module is imported."""
        module, _, attribute = self.place.partition(":")
        found: typer.Typer | Callable[..., Any] = getattr(import_module(f"{__package__}.{module}"), attribute)
        if isinstance(found, typer.Typer):
            app = found
        else:
            app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
            app.command(self.name)(found)
        command = get_command(app)
        command.name = self.name
        return command


class Commands(TyperGroup):
    """Commands that can print any text, and whose expected errors are lines on standard error and exit code 1."""

    def main(self, *arguments: Any, **options: Any) -> Any:
        tolerate_any_text()
        return super().main(*arguments, **options)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except GatelabError as error:
            from gatelab.client.output import print_error

            print_error(error)
            raise typer.Exit(1) from None


def lazily(listed: Sequence[Listed]) -> type[Commands]:
    """The group of these commands, in this order."""
    by_name = {each.name: each for each in listed}

    class Lazy(Commands):
        @property
        def commands(self) -> dict[str, Any]:
            """All of them, imported, for code that walks through the whole tree."""
            return {name: each.load() for name, each in by_name.items()}

        @commands.setter
        def commands(self, found: object) -> None:
            """Typer's own list is empty."""

        def list_commands(self, ctx: Any) -> list[str]:
            return list(by_name)

        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            return by_name[cmd_name].load() if cmd_name in by_name else None

        def format_commands(self, ctx: Any, formatter: Any) -> None:
            with formatter.section("Commands"):
                formatter.write_dl([(each.name, each.help) for each in listed])

    return Lazy
