"""Runs: their results, comparisons, and exports for other programs."""
