"""Backups of a data directory: one file, made while everything runs, verified to the last bit when it is restored."""
