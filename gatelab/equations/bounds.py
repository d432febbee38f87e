"""How large a cell may be. No text within these bounds can hurt the parser, a compiler or an engine."""

CHARACTERS = 10_000
LINES = 200
WORDS = 3_000
"""Names, numbers and signs of all lines."""
NAME_LENGTH = 40
NUMBER_LENGTH = 30
DEPTH = 40
"""Levels of nested parentheses, calls and products."""

NODES = 400
"""Operations and leaves of all equations; equal ones count once."""

PRODUCTS = 32
"""Products of a matrix with the input, with a state, or with what was computed from them."""

STAGES = 6
"""Recurrent products that must be computed one after another."""

MEANS = 16
"""Means over the units, each of which an engine may have to finish before it goes on."""

STATES = 8
PARAMETERS = 64
