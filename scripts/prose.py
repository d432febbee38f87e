"""A check of the English that people read: `python scripts/prose.py [FILE ...]`.

It finds the habits that make this project's prose hard to read, in Markdown, in the strings, docstrings and comments
of Python (tests included), and in the texts of the page. It judges words, not grammar: a finding is a sentence to read
again.
"""

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
LONGEST = 160
"""Characters of a line of prose. Tables, code and addresses may be longer."""

START = r"(?:^|(?<=[.:;!?] )|(?<=\"\"\"))"

HABITS: tuple[tuple[str, str], ...] = (
    (r"\bso (?:many|often)\b(?! (?:as|that)\b)", "give the number or name it"),
    (r"\banew\b", "say 'again', or what is replaced"),
    (r"\b(?:told|tells?) of\b", "say 'reported', 'said about', or name the actor"),
    (r"\b(?:is|are|was|were|be|been|being) told\b(?!\s+(?:apart|from)\b)", "name the actor"),
    (r"(?<![Tt]here )(?<![Ii]t )\bis no (?!longer|more|less|better|different|such|matter)[a-z]+", "say 'is not a ...'"),
    (r"\bone (?:line|row|column|item|word|number|file|process|table|page) an? [a-z]+", "say 'for each' or 'per'"),
    (START + r"Of (?!course\b)[a-z]", "do not begin a sentence with 'Of'"),
    (
        START + r"Who (?:has|asks|sends|reads|writes|wants|leaves|waits|comes|guesses|may|can)\b[^?]*\.",
        "name the actor",
    ),
    (r"\bto the bit\b", "say 'bitwise identical'"),
    (r"\bat no loss\b", "say what was measured"),
    (r"\bas good as none\b", "say 'counts as unset'"),
    (r"\bgoes? on (?:from|with|as|where|in|until|a|the|after)\b", "say 'continue' or 'resume'"),
    (r"\bthat of who\b", "name whose it is"),
    (r"\bdo(?:es)? without\b", "say what is not needed"),
    (r"\bin the place of\b", "say 'instead of'"),
    (r"\bwh(?:at|atever) (?:becomes|became) of\b", "say 'the result' or 'the state'"),
    (r"\bbut for (?:the|its|their|those|what|one)\b", "say 'except for'"),
    (r"\b(?:is|are) (?:not there|there (?:already|yet))\b", "say 'exists' or 'does not exist'"),
    (r"\b(?:otherwise than|befalls?|thereof|wherein|amiss)\b", "use an everyday word"),
    (r"\bgood for (?:nothing|anything)\b", "say 'valid' or 'revoked'"),
    (r"\bonce a (?:process|scan|round|step|run|child)\b", "say 'once per'"),
    (r"\bNone where\b", "say 'None if'"),
    (r"\b(?:the|its|their) way back\b", "say 'backward pass'"),
    (r"\b[Oo]nly tried\b", "say what happens if it fails"),
)
"""What to look for, and what to do about it."""

FOUND = [(re.compile(pattern, re.MULTILINE), advice) for pattern, advice in HABITS]
FENCE = re.compile(r"^(?:```.*?^```|<!--.*?-->)", re.MULTILINE | re.DOTALL)
QUOTED = re.compile(r"`[^`\n]*`|\"[^\"\n]*\"(?= \()|https?://\S+|\]\([^)]*\)")


class Finding(NamedTuple):
    file: Path
    line: int
    text: str
    advice: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text.strip()!r}: {self.advice}"


def findings(file: Path) -> Iterator[Finding]:
    """The passages of a file that a person should read again."""
    text = file.read_text(encoding="utf-8")
    shown = file.relative_to(ROOT) if file.is_relative_to(ROOT) else file
    readers = {".md": markdown, ".py": python}
    for line, prose in readers.get(file.suffix, plain)(text):
        for place, words, advice in _in(prose):
            yield Finding(shown, line + prose[:place].count("\n"), words, advice)
    if file.suffix == ".md":
        for number, row in enumerate(_without_code(text).split("\n"), 1):
            if len(row) > LONGEST and not row.lstrip().startswith(("|", "!", "[")):
                yield Finding(shown, number, row[:60], f"{len(row)} characters, where {LONGEST} are allowed")


def _in(prose: str) -> Iterator[tuple[int, str, str]]:
    bare = QUOTED.sub(lambda match: "x" * len(match[0]), prose)
    joined = re.sub(r"(?<!\n)\n(?=\S| +\S)", " ", bare)
    for pattern, advice in FOUND:
        for match in pattern.finditer(joined):
            yield match.start(), joined[max(0, match.start() - 30) : match.end() + 30], advice


def markdown(text: str) -> Iterator[tuple[int, str]]:
    """The text of a page without its code."""
    yield 1, _without_code(text)


def _without_code(text: str) -> str:
    return FENCE.sub(lambda match: "\n" * match[0].count("\n"), text)


def python(text: str) -> Iterator[tuple[int, str]]:
    """Each string and each run of comments, with the line on which it begins."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
        elif isinstance(node, ast.JoinedStr):
            yield node.lineno, "".join(str(p.value) if isinstance(p, ast.Constant) else "{}" for p in node.values)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string.lstrip("# ")


def plain(text: str) -> Iterator[tuple[int, str]]:
    """Each line of a file of the page, since its code has no such words."""
    yield from enumerate(text.split("\n"), 1)


SCOPE = (
    "*.md",
    "benchmarks",
    "docs",
    "examples",
    "gatelab",
    "migrations",
    "scripts",
    "service",
    "tests",
    "worker",
)
ENDINGS = {".md", ".py", ".svelte", ".ts"}


def files() -> list[Path]:
    """Every file that people read, except for generated ones and for this one, which quotes the habits."""
    listed = subprocess.run(["git", "ls-files", *SCOPE], cwd=ROOT, capture_output=True, text=True, check=True)
    found = [ROOT / line for line in listed.stdout.splitlines()]
    return [file for file in found if file.suffix in ENDINGS and file.exists() and not _quotes(file)]


def _quotes(file: Path) -> bool:
    """Whether a file shows bad examples on purpose, or is generated from texts that are checked in their own files."""
    examples = {Path(__file__), ROOT / "tests" / "handbook" / "test_prose.py"}
    return file in examples or "readability" in file.name or "<!-- Generated by" in file.read_text("utf-8")[-80:]


def main() -> int:
    given = [Path(name).resolve() for name in sys.argv[1:]] or files()
    found = [finding for file in given for finding in findings(file)]
    for finding in sorted(set(found)):
        print(finding)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
