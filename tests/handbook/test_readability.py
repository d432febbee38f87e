"""The readability of a page counts only its sentences and words."""

import pytest

from scripts import readability

PAGE = """# A title is not a sentence.

The cat sat on [the mat](https://example.org/a.b), in 3.5 seconds. It
runs `make test` now; see Gal et al. 2016.

- An item of a list
- Another one: **Here** it ends.

| a | table |
| :-- | --: |

```
code is left out. All of it.
```
"""


def test_sentences_are_those_that_are_read_aloud() -> None:
    assert readability.sentences(PAGE) == [
        "The cat sat on the mat, in 35 seconds.",
        "It runs code now; see Gal et al 2016.",
        "An item of a list",
        "Another one:",
        "Here it ends.",
    ]


@pytest.mark.parametrize(
    ("word", "count"),
    [("the", 1), ("make", 1), ("table", 2), ("looked", 1), ("ended", 2), ("readability", 5), ("b", 1)],
)
def test_syllables(word: str, count: int) -> None:
    assert readability.syllables(word) == count


def test_the_formulas_are_those_that_were_published() -> None:
    found = readability.measure("The cat sat on the mat. It saw a table.")
    syllables_per_word = 11 / 10
    assert found.words == 10
    assert found.length == 5
    assert found.ease == pytest.approx(206.835 - 1.015 * 5 - 84.6 * syllables_per_word)
    assert found.grade == pytest.approx(0.39 * 5 + 11.8 * syllables_per_word - 15.59)


def test_a_page_without_a_sentence_has_no_readability() -> None:
    with pytest.raises(ValueError, match="no sentence"):
        readability.measure("# A title\n\n| a | table |\n")
