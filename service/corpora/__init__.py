"""Corpora: immutable texts, known by name and sha256."""
