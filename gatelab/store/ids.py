"""Identifiers: short, safe in a URL, and sorted by the time of their making."""

import secrets
import threading
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u
_CHARACTERS = 18
_RANDOM_BITS = 40
_STEP_BITS = 20
_lock = threading.Lock()
_last = 0


def new_id(kind: str) -> str:
    """A new identifier such as `run-01jd8x2m9k4t7vq0bz`: milliseconds since 1970, then 40 random bits.

    Those of one process ascend, also within a millisecond and where the clock is set back: two rows that the database
    wrote at the same time keep the order in which they were made.
    """
    global _last
    with _lock:
        fresh = (time.time_ns() // 1_000_000 << _RANDOM_BITS) + secrets.randbits(_RANDOM_BITS)
        # The step is random, so that processes that were forked from one another do not meet.
        _last = max(fresh, _last + 1 + secrets.randbits(_STEP_BITS))
        return f"{kind}-{_encode(_last)}"


def _encode(number: int) -> str:
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(_CHARACTERS)))
