"""Links of Markdown files: their targets, and which of them are broken.

`python -m scripts.handbook.links` prints every broken link, and fails if there is one.
"""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote

from scripts.handbook import ROOT

LINK = re.compile(r"(?P<text>!?\[[^\]]*\])\((?P<target>[^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ +(.+?)\s*$", re.MULTILINE)
ELSEWHERE = ("http://", "https://", "mailto:")


def relink(text: str, change: Callable[[str], str]) -> str:
    """The text with the target of each local link changed. Code is left alone."""

    def changed(match: re.Match[str]) -> str:
        target = match["target"]
        return match[0] if target.startswith(ELSEWHERE) else f"{match['text']}({change(target)})"

    parts, end = [], 0
    for fence in FENCE.finditer(text):
        parts += [LINK.sub(changed, text[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*parts, LINK.sub(changed, text[end:])])


def resolve(file: Path, target: str) -> tuple[Path, str]:
    """The path that a link of `file` points to, and its anchor."""
    path, _, anchor = target.partition("#")
    return ((file.parent / unquote(path)).resolve() if path else file), anchor


@cache
def anchors(file: Path) -> frozenset[str]:
    """The anchors of a page's headings, as GitHub and MkDocs name them."""
    text = FENCE.sub("", file.read_text(encoding="utf-8"))
    return frozenset(slug(heading) for heading in HEADING.findall(text))


def slug(heading: str) -> str:
    bare = re.sub(r"\[([^\]]*)\]\([^)]*\)|`", r"\1", heading).lower()
    return re.sub(r"[\s]+", "-", re.sub(r"[^\w\s-]", "", bare).strip())


def pages() -> list[Path]:
    """Every Markdown file of the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).exists()]


def broken(file: Path) -> Iterator[str]:
    """The broken links of a page."""
    for match in LINK.finditer(FENCE.sub("", file.read_text(encoding="utf-8"))):
        if match["target"].startswith(ELSEWHERE):
            continue
        path, anchor = resolve(file, match["target"])
        if not path.exists():
            yield f"{file.relative_to(ROOT)}: the file {match['target']} does not exist"
        elif anchor and path.suffix == ".md" and anchor not in anchors(path):
            yield f"{file.relative_to(ROOT)}: the heading {match['target']} does not exist"


if __name__ == "__main__":
    found = [line for page in pages() for line in broken(page)]
    print(*found, sep="\n")
    sys.exit(bool(found))
