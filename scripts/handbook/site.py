"""Build the guide: `python -m scripts.handbook.site` makes service/web/guide from docs/ and a few other pages.

This program assembles the folder that MkDocs builds: the pages of docs/, the changelog and other project pages, and the
files that pages link to. The result obeys the page's content policy: no inline script, nothing from another machine.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

from scripts.handbook import DOCS, ROOT
from scripts.handbook.links import relink, resolve

STAGE = ROOT / "build" / "guide"
SITE = ROOT / "service" / "web" / "guide"
ALSO = {
    "benchmarks/README.md": "results/benchmarks.md",
    "CHANGELOG.md": "project/changelog.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security.md",
    "RELEASING.md": "project/releases.md",
}
"""Pages from elsewhere in the repository -> their paths in the guide."""

TITLE = re.compile(r"^# (.+)$", re.MULTILINE)
INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)
SOURCE_MAP = re.compile(r"^//# sourceMappingURL=.*$|/\*# sourceMappingURL=.*?\*/", re.MULTILINE)


def build() -> None:
    """Assemble the pages and let MkDocs build them.

    Raises:
        subprocess.CalledProcessError: MkDocs found a fault, such as a broken link. Its output is printed.
    """
    stage()
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--clean"]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if built.returncode:
        print(built.stdout, built.stderr, sep="\n", file=sys.stderr)
    built.check_returncode()
    for page in SITE.rglob("*.html"):
        page.write_text(without_inline_scripts(page.read_text(encoding="utf-8"), page), encoding="utf-8")
    for file in [*SITE.rglob("*.js"), *SITE.rglob("*.css")]:
        file.write_text(SOURCE_MAP.sub("", file.read_text(encoding="utf-8")), encoding="utf-8")
    for needless in [*SITE.rglob("*.map"), *SITE.glob("sitemap.xml*"), *SITE.glob("assets/javascripts/lunr/**/*.js")]:
        needless.unlink()


def stage() -> None:
    """Fill the folder that MkDocs builds."""
    shutil.rmtree(STAGE, ignore_errors=True)
    places = {path: path.relative_to(DOCS) for path in sorted(DOCS.rglob("*")) if path.is_file()}
    places |= {ROOT / source: Path(place) for source, place in ALSO.items()}
    waiting = list(places)
    while waiting:
        source = waiting.pop()
        target = STAGE / places[source]
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix != ".md":
            shutil.copyfile(source, target)
            continue
        links = partial(moved, source, places, waiting)
        target.write_text(relink(source.read_text(encoding="utf-8"), links), encoding="utf-8")
    (STAGE / "background").mkdir(exist_ok=True)
    (STAGE / "background" / "decisions.md").write_text(decisions(), encoding="utf-8")


def moved(source: Path, places: dict[Path, Path], waiting: list[Path], link: str) -> str:
    """Translate a link in the repository to one in the guide. A file that a page links to is copied."""
    path, anchor = resolve(source, link)
    if path == DOCS / "decisions":
        return os.path.relpath("background/decisions.md", places[source].parent)
    if path.is_dir():
        path = path / "README.md"
    if path.is_file() and path not in places:
        places[path] = Path("repository") / path.relative_to(ROOT)
        waiting.append(path)
    if path not in places:
        return link
    relative = os.path.relpath(places[path], places[source].parent)
    return f"{relative}#{anchor}" if anchor else relative


def decisions() -> str:
    """The list of all decision records."""
    rows = []
    for file in sorted((DOCS / "decisions").glob("[0-9]*.md")):
        title = TITLE.search(file.read_text(encoding="utf-8"))
        rows.append(f"- [{title[1] if title else file.stem}](../decisions/{file.name})\n")
    return (
        "# Decisions\n\nEach record says what the question was, what was decided, and what follows. A decision that\n"
        "changes gets a new record, which names the one that it replaces.\n\n" + "".join(rows)
    )


def without_inline_scripts(html: str, page: Path) -> str:
    """The page with each inline script moved to a file, so that the content policy allows it."""

    def put_aside(match: re.Match[str]) -> str:
        name = f"inline-{hashlib.sha256(match[1].encode()).hexdigest()[:12]}.js"
        (SITE / "assets" / name).write_text(match[1], encoding="utf-8")
        return f'<script src="{os.path.relpath(SITE / "assets" / name, page.parent)}"></script>'

    return INLINE.sub(put_aside, html)


if __name__ == "__main__":
    try:
        build()
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
