"""What a worker tells of itself. Its child counts in memory that its parent reads, so a killed child loses nothing."""

from worker.telemetry.meter import METER, Meter

__all__ = ["METER", "Meter"]
