"""No page has a broken link, and every page of docs/ is in the guide."""

from pathlib import Path

import pytest
import yaml

from scripts.handbook import DOCS, ROOT, links
from scripts.handbook.site import ALSO


@pytest.mark.parametrize("page", links.pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert list(links.broken(page)) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    assert links.slug("What is *not* held: `num_steps`") == "what-is-not-held-num_steps"
    relinked = links.relink("[a](b.md#c) ![d](e.png) [f](https://g)\n```\n[h](i)\n```\n", lambda link: f"x/{link}")
    assert relinked == "[a](x/b.md#c) ![d](x/e.png) [f](https://g)\n```\n[h](i)\n```\n"


def test_every_page_has_a_place_in_the_guide() -> None:
    listed: set[str] = set()

    def visit(part: object) -> None:
        if isinstance(part, str):
            listed.add(part)
        for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
            visit(inner)

    visit(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"])
    written = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md") if page.parent.name != "decisions"}
    assert listed == written | set(ALSO.values()) | {"background/decisions.md"}
