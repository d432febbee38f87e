"""Backups of a data directory: one file, made while everything runs, verified to the last bit when it is restored."""

from gatelab.store.backup.making import Made, make
from gatelab.store.backup.manifest import Manifest
from gatelab.store.backup.restoring import restore

__all__ = ["Made", "Manifest", "make", "restore"]
