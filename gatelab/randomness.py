"""Stateless randomness: every random number is a function of a seed and its purpose.

A resumed run needs no generator state, and a run sees the same numbers whatever else is computed.
"""

import hashlib

import numpy as np


def derive(seed: int, *purpose: int | str) -> int:
    """A 63-bit seed for one purpose, such as `derive(seed, "dropout", step, layer)`."""
    words = "/".join(map(str, (seed, *purpose)))
    return int.from_bytes(hashlib.blake2b(words.encode(), digest_size=8).digest(), "little") >> 1


def numpy_generator(seed: int, *purpose: int | str) -> np.random.Generator:
    """A NumPy generator for one purpose. Philox: the same numbers on every platform."""
    return np.random.Generator(np.random.Philox(key=derive(seed, *purpose)))


def skip(random: np.random.Generator, count: int) -> np.random.Generator:
    """A new generator of `numpy_generator` in the state after `count` uniform numbers were drawn from it."""
    whole, rest = divmod(count, 4)  # Philox makes four at a time
    random.bit_generator.advance(whole)  # type: ignore[attr-defined]
    random.random(rest)
    return random
