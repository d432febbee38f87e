"""Runs: what was trained, how well, side by side, and for other programs."""
