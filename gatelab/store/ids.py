"""Identifiers: short, safe in a URL, and sorted by the time of their making. No new name may look like one.

An object with a name and an id is found by either, so a name that looks like an id could hide another object of its
kind, or be hidden by it.
"""

import re
import secrets
import threading
import time
from typing import Literal, get_args

from gatelab.errors import InvalidInput, InvalidRequest

Kind = Literal["corpus", "job", "run", "key", "report"]

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u
_CHARACTERS = 18
_RANDOM_BITS = 40
_STEP_BITS = 20
_ID = re.compile(f"(?:{'|'.join(get_args(Kind))})-[{_ALPHABET}]{{{_CHARACTERS}}}", re.IGNORECASE)
_lock = threading.Lock()
_last = 0


def looks_like_id(name: str) -> bool:
    """Whether a name could be an id of any kind, in upper or lower case."""
    return _ID.fullmatch(name) is not None


def check_name(name: str, refusal: type[InvalidInput] = InvalidRequest) -> None:
    """
    Raises:
        InvalidRequest: (or another `refusal`) the name of a new object looks like an id.
    """
    if looks_like_id(name):
        kind = name.partition("-")[0].lower()
        raise refusal.at("name", f"must not look like the id of a {kind}, as {name!r} does; choose another name")


def new_id(kind: Kind) -> str:
    """A new identifier such as `run-01jd8x2m9k4t7vq0bz`: milliseconds since 1970, then 40 random bits.

    The identifiers of one process ascend, also within a millisecond and if the clock is set back. So two rows that the
    database wrote at the same time keep the order in which they were made.
    """
    global _last
    with _lock:
        fresh = (time.time_ns() // 1_000_000 << _RANDOM_BITS) + secrets.randbits(_RANDOM_BITS)
        # The step is random, so that a forked process does not make the same identifiers.
        _last = max(fresh, _last + 1 + secrets.randbits(_STEP_BITS))
        return f"{kind}-{_encode(_last)}"


def _encode(number: int) -> str:
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(_CHARACTERS)))
