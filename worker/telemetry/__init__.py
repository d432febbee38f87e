"""The metrics of a worker. Its child counts in memory that its parent reads, so a killed child loses no number."""

from worker.telemetry.meter import METER, Meter

__all__ = ["METER", "Meter"]
