"""A worker's metrics over HTTP, answered by its parent, which survives when its child is killed."""

from collections.abc import Iterator
from itertools import accumulate
from mmap import PAGESIZE
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from gatelab import __version__
from gatelab.settings import Settings
from worker.telemetry.meter import CHILD, METER, METRICS, Counted, Timed
from worker.telemetry.shared_memory import SharedNumbers

CHILD_MEMORY = ("gatelab_child_resident_memory_bytes", "Memory of the training processes; 0 on systems without /proc")

log = structlog.get_logger(__name__)


class MemoryCollector(Collector):
    """The counts of the children in `memory`."""

    def __init__(self, memory: SharedNumbers) -> None:
        self._memory = memory

    def collect(self) -> Iterator[Metric]:
        version = GaugeMetricFamily("gatelab_build_info", "The version that runs; always 1", labels=["version"])
        version.add_metric([__version__], 1)
        yield version
        yield GaugeMetricFamily(*CHILD_MEMORY, value=sum(map(_resident, self._memory.column(CHILD))))
        for metric in METRICS:
            yield self._timed(metric) if isinstance(metric, Timed) else self._counted(metric)

    def _counted(self, metric: Counted) -> Metric:
        family = GaugeMetricFamily if metric.gauge else CounterMetricFamily
        return family(metric.name, metric.help, value=self._memory.total(metric.name))

    def _timed(self, metric: Timed) -> Metric:
        counts = accumulate(self._memory.total(name) for name in metric.buckets)
        bounds = [*map(str, metric.bounds), "+Inf"]
        buckets = list(zip(bounds, counts, strict=True))
        return HistogramMetricFamily(metric.name, metric.help, buckets, self._memory.total(metric.sum))


def _resident(pid: float) -> int:
    """The memory of a process in bytes; 0 if it has ended."""
    try:
        return int(Path(f"/proc/{int(pid)}/statm").read_text().split()[1]) * PAGESIZE
    except (OSError, IndexError):
        return 0


def registry(memory: SharedNumbers = METER.memory) -> CollectorRegistry:
    """All metrics of a worker."""
    found = CollectorRegistry()
    found.register(MemoryCollector(memory))
    return found


def serve(settings: Settings) -> None:
    """Answer scrapes on the settings' port, in a thread. If the port is taken, the worker has no metrics."""
    address = f"{settings.metrics_host}:{settings.metrics_port}"
    try:
        start_http_server(settings.metrics_port, settings.metrics_host, registry())
    except OSError as error:
        log.error("metrics are off: their address cannot be used", address=address, error=str(error))
    else:
        log.info("metrics", address=address)
