"""How readable pages are, before and after: `python scripts/readability.py COMMIT FILE ...`.

For each page, at a commit and now, it prints words, words per sentence, reading ease (Flesch, "A new readability
yardstick", Journal of Applied Psychology 32, 1948) and grade (Kincaid et al., Naval Technical Training Command,
Research Branch Report 8-75, 1975). Code blocks, tables, headings and addresses are left out, and `code` in a sentence
is one word.
"""

import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
CODE = re.compile(r"^```.*?^```|<!--.*?-->", re.MULTILINE | re.DOTALL)
SKIPPED = re.compile(r"\s*(?:\||#|!\[|<)|    |\s*$")
ITEM = re.compile(r"\s*(?:[-*]|\d+\.)\s+")
BORDER = re.compile(r"(?<=[.!?:;])\s+(?=[\"'(]?[A-Z0-9])")
WORD = re.compile(r"[A-Za-z][A-Za-z'-]*")


class Readability(NamedTuple):
    """The number of words of a text, words per sentence, Flesch's reading ease and Kincaid's grade."""

    words: int
    length: float
    ease: float
    grade: float


def sentences(markdown: str) -> list[str]:
    """The sentences of a page. A list item or a paragraph ends one, as `.`, `!`, `?`, `:` and `;` do."""
    blocks = [""]
    for line in CODE.sub("", markdown).split("\n"):
        item = ITEM.match(line)
        if item or SKIPPED.match(line):
            blocks.append("")
        if item or not SKIPPED.match(line):
            blocks[-1] += " " + (line[item.end() :] if item else line.strip())
    found = (each.strip() for block in blocks for each in BORDER.split(plain(block)))
    return [each for each in found if re.search("[A-Za-z]{2}", each)]


def plain(text: str) -> str:
    """The words that are read aloud, without marks."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"`[^`]*`", "code", text)
    text = re.sub(r"https?://\S+|[*_]", "", text)
    return re.sub(r"(?<=\d)[.,](?=\d)|(?<=\bal)\.", "", text)


def syllables(word: str) -> int:
    """The approximate number of syllables: groups of vowels, without a silent e at the end."""
    word = word.lower()
    if len(word) > 3:
        word = re.sub(r"(?<=[^l])e$|(?<=[^aeioutd])ed$", "", word)
    return max(1, len(re.findall("[aeiouy]+", word)))


def measure(markdown: str) -> Readability:
    """
    Raises:
        ValueError: the page has no sentence.
    """
    found = sentences(markdown)
    words = [word for sentence in found for word in WORD.findall(sentence)]
    if not words:
        raise ValueError("the page has no sentence")
    length, heavy = len(words) / len(found), sum(map(syllables, words)) / len(words)
    ease = 206.835 - 1.015 * length - 84.6 * heavy
    return Readability(len(words), length, ease, 0.39 * length + 11.8 * heavy - 15.59)


def at(commit: str, file: str) -> str:
    """The page at the commit."""
    shown = subprocess.run(["git", "show", f"{commit}:{file}"], cwd=ROOT, capture_output=True, text=True, check=True)
    return shown.stdout


def main() -> None:
    commit, *files = sys.argv[1:]
    print("| page | words | words per sentence | reading ease | grade |\n| :-- | --: | --: | --: | --: |")
    before = [at(commit, file) for file in files]
    now = [(ROOT / file).read_text("utf-8") for file in files]
    for name, *pair in [*zip(files, before, now, strict=True), ("together", "\n\n".join(before), "\n\n".join(now))]:
        old, new = map(measure, pair)
        cells = (f"{a:,.0f} → {b:,.0f}" if a > 200 else f"{a:.1f} → {b:.1f}" for a, b in zip(old, new, strict=True))
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
