"""Did you mean ...? Known names that are spelled nearly like a given one.

Names come from anybody, so the work is bounded: long names are not compared, and only the first of many names are.
"""

import difflib
from collections.abc import Iterable
from functools import lru_cache
from itertools import islice, takewhile

LONGEST = 50
"""The most characters of a name that is compared."""
MOST = 100
"""The most names with which one is compared."""
_COMPARED = 5
"""The number of most similar names that are compared again."""
_CUTOFF = 0.6
"""The least similarity by `difflib`: 1 for equal names, 0 for those that share nothing."""
_CUTOFF_ELSEWHERE = 0.75
"""The least similarity for a name elsewhere. There are more names elsewhere, so one must be more similar."""


def nearest(given: str, known: Iterable[str], cutoff: float = _CUTOFF) -> str | None:
    """The most similar to `given` of the first names in `known`; None if none is similar."""
    if not 0 < len(given) <= LONGEST:
        return None
    names = {name.casefold(): name for name in islice(known, MOST) if len(name) <= LONGEST and name != given}
    word = given.casefold()

    def alike(name: str) -> tuple[float, bool, int]:
        """Among equally similar names, one with the same first letter comes first, then the first one."""
        return difflib.SequenceMatcher(None, name, word).ratio(), name[:1] == word[:1], -order[name]

    order = {name: place for place, name in enumerate(names)}
    found = difflib.get_close_matches(word, names, n=_COMPARED, cutoff=cutoff)
    return names[max(found, key=alike)] if found else None


def did_you_mean(found: str | None) -> str:
    """The end of a message that something does not exist; empty if no existing name is similar."""
    return "" if found is None else f"; did you mean {found!r}?"


def nearest_path(given: str, known: tuple[str, ...]) -> str | None:
    """The dotted path in `known` that `given` may mean.

    That is a path with the same last name elsewhere, such as training.optimizer.lr for training.lr; else one beside it
    with a similar spelling; else one elsewhere with a similar spelling.
    """
    return None if len(given) > 2 * LONGEST or given in known else _nearest_path(given, known)


@lru_cache(maxsize=256)
def _nearest_path(given: str, known: tuple[str, ...]) -> str | None:
    """Cached, since each of a thousand points of a grid may have the same fault."""
    parents, _, name = given.rpartition(".")
    beside = [_last(path) for path in known if path.rpartition(".")[0] == parents]
    everywhere = dict.fromkeys(map(_last, known))
    if name not in everywhere:
        if typo := nearest(name, beside):
            return f"{parents}.{typo}" if parents else typo
        name = nearest(name, everywhere, _CUTOFF_ELSEWHERE) or ""
    same = [path for path in known if _last(path) == name]
    return max(same, key=lambda path: (_shared(path, given), -len(path)), default=None)


def _last(path: str) -> str:
    return path.rpartition(".")[2]


def _shared(path: str, other: str) -> int:
    """The number of first names that two paths have in common."""
    pairs = zip(path.split("."), other.split("."), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
