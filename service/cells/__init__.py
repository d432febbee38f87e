"""Cells: the published ones, and what the equations of any other come to."""
