"""What the service tells of itself: metrics, a line a request, and traces where somebody collects them."""

from service.telemetry.instruments import Instruments
from service.telemetry.requests import Watching, seconds_since_arrival

__all__ = ["Instruments", "Watching", "seconds_since_arrival"]
