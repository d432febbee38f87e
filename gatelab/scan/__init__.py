"""Engines that apply a cell over a sequence. `reference` defines the result; any other must equal it."""
