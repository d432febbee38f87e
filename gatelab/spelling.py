"""Did you mean ...? Known names that are spelled nearly like a given one.

Names come from anybody, so the work is bounded: long names are not compared, and of many only the first ones are.
"""

import difflib
from collections.abc import Iterable
from functools import lru_cache
from itertools import islice, takewhile

LONGEST = 50
"""Characters of a name that is compared."""
MOST = 100
"""Names that are compared with one."""
_COMPARED = 5
"""How many of the likest names are compared again."""
_CUTOFF = 0.6
"""As `difflib` has it: 1 for equal names, 0 for those that share nothing."""
_CUTOFF_ELSEWHERE = 0.75
"""There are more names elsewhere than beside it: one must be more alike to be meant."""


def nearest(given: str, known: Iterable[str], cutoff: float = _CUTOFF) -> str | None:
    """The one of the first names in `known` that is most like `given`; None if none is like it."""
    if not 0 < len(given) <= LONGEST:
        return None
    names = {name.casefold(): name for name in islice(known, MOST) if len(name) <= LONGEST and name != given}
    word = given.casefold()

    def alike(name: str) -> tuple[float, bool, int]:
        """Among names that are equally alike, one with the same first letter comes first, then the first one."""
        return difflib.SequenceMatcher(None, name, word).ratio(), name[:1] == word[:1], -order[name]

    order = {name: place for place, name in enumerate(names)}
    found = difflib.get_close_matches(word, names, n=_COMPARED, cutoff=cutoff)
    return names[max(found, key=alike)] if found else None


def did_you_mean(found: str | None) -> str:
    """The end of a message that says that there is no such thing; empty if nothing that there is is like it."""
    return "" if found is None else f"; did you mean {found!r}?"


def nearest_path(given: str, known: tuple[str, ...]) -> str | None:
    """The one of the dotted paths in `known` that may be meant by `given`.

    That is one with the same last name elsewhere, such as training.optimizer.lr for training.lr; else one beside it
    that is spelled nearly alike; else one elsewhere that is.
    """
    return None if len(given) > 2 * LONGEST or given in known else _nearest_path(given, known)


@lru_cache(maxsize=256)
def _nearest_path(given: str, known: tuple[str, ...]) -> str | None:
    """Kept, since each of a thousand points of a grid may have the same fault."""
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
    """How many names two paths begin with alike."""
    pairs = zip(path.split("."), other.split("."), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
