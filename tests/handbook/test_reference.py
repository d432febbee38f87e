"""The reference is generated, so it is complete; these tests compare the files with the present program."""

import re
from collections.abc import Iterator
from html import unescape

import pytest
from markdown import markdown
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from gatelab.client.main import app
from gatelab.settings import Settings
from gatelab.specs import Limits
from gatelab.wire.events import TYPES
from scripts.handbook import reference
from scripts.handbook.markdown import table
from tests.conftest import ROOT


@pytest.mark.parametrize("name", reference.PAGES)
def test_a_generated_page_is_current(name: str) -> None:
    written = reference.path(name).read_text(encoding="utf-8")
    assert written == reference.page(name), "run `make reference`"


def test_text_of_the_program_is_neither_a_tag_nor_attributes_of_a_cell() -> None:
    """MkDocs read braces at the end of a cell as attributes, and browsers read <bos> as a tag."""
    text = "after <bos>, x < 1, `<unk> {a: b}`, or {train: a, test: b}"
    shown = table(["field"], [[text]])
    assert shown.splitlines()[-1] == "| after &lt;bos>, x < 1, `<unk> {a: b}`, or \\{train: a, test: b} |"
    html = markdown(shown, extensions=["tables", "attr_list", "md_in_html"])
    cell = html.partition("<td>")[2].partition("</td>")[0]
    assert unescape(re.sub(r"</?code>", "`", cell)) == text


def test_the_table_of_settings_is_complete_and_in_order() -> None:
    text = reference.path("configuration").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(GATELAB_\w+)` \| (.*?) \| (.*?) \|$", text, re.MULTILINE)
    assert rows == list(_expected_rows())


def _expected_rows() -> Iterator[tuple[str, str, str]]:
    for name, field in Settings.model_fields.items():
        if name != "limits":
            yield f"GATELAB_{name.upper()}", _shown(field), field.description or ""
    for name, field in Limits.model_fields.items():
        yield f"GATELAB_LIMITS__{name.upper()}", _shown(field), field.description or ""


def _shown(field: FieldInfo) -> str:
    default = field.default
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    return f"`{str(default).lower()}`" if default != "" else ""


def test_every_command_and_every_method_is_there() -> None:
    import inspect

    import typer

    from gatelab.client.api import Gatelab

    commands = reference.path("command-line").read_text(encoding="utf-8")
    root = typer.main.get_command(app)
    for name in getattr(root, "commands"):  # noqa: B009 - typer's types do not name it
        assert f"## gatelab {name}" in commands
    methods = reference.path("python").read_text(encoding="utf-8")
    for name, _ in inspect.getmembers(Gatelab, inspect.isfunction):
        assert name.startswith("_") or f"### {name}\n" in methods


def test_every_type_of_event_is_described_with_its_fields() -> None:
    described = (ROOT / "docs" / "reference" / "events.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| .* \| (.*) \|$", described, re.MULTILINE)
    found = {name: re.findall(r"`(\w+)`", fields) for name, fields in rows}
    of_all = {"type", "run", "created_at"}
    assert found == {name: [each for each in shape.model_fields if each not in of_all] for name, shape in TYPES.items()}
