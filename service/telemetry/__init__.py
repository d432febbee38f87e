"""The service's telemetry: metrics, a log line for each request, and traces if a collector is configured."""

from service.telemetry.instruments import Instruments
from service.telemetry.requests import seconds_since_arrival

__all__ = ["Instruments", "seconds_since_arrival"]
