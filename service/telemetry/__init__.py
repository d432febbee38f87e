"""What the service reports about itself: metrics, a log line for each request, and traces if somebody collects them."""

from service.telemetry.instruments import Instruments
from service.telemetry.requests import seconds_since_arrival

__all__ = ["Instruments", "seconds_since_arrival"]
