"""Identifiers: short, safe in a URL, and sorted by the time of their making."""

import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u
_TIME_CHARACTERS = 10
_RANDOM_CHARACTERS = 8


def new_id(kind: str) -> str:
    """A new identifier such as `run-01jd8x2m9k4t7vq0bz`: milliseconds since 1970, then 40 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    return f"{kind}-{_encode(milliseconds, _TIME_CHARACTERS)}{_encode(secrets.randbits(40), _RANDOM_CHARACTERS)}"


def new_ids(kind: str, count: int) -> list[str]:
    """`count` new identifiers in ascending order, also where they were made in the same millisecond."""
    return sorted(new_id(kind) for _ in range(count))


def _encode(number: int, length: int) -> str:
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(length)))
