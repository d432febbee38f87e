from tests.randomized import random, seed

__all__ = ["random", "seed"]
