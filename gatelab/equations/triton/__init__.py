"""Triton kernels of a cell, from its graph: the text of a module. Nothing here imports Triton."""
