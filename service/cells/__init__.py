"""Cells: the published ones, and checks of any other equations."""
