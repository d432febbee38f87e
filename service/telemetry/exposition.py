"""The answer to a scrape."""

import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path

from prometheus_client import ProcessCollector, generate_latest
from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from service.telemetry.instruments import Instruments

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""The text format that every Prometheus reads."""


class _Together(Collector):
    """Several collectors as one, without the creation times of series, which would double the answer."""

    def __init__(self, *collectors: Collector) -> None:
        self._collectors = collectors

    def collect(self) -> Iterator[Metric]:
        for metric in chain.from_iterable(collector.collect() for collector in self._collectors):
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric


def exposition(instruments: Instruments) -> bytes:
    """All metrics as they are now: of this process, or of all that share PROMETHEUS_MULTIPROC_DIR."""
    if folder := shared_folder():
        forget_the_dead(folder)
        return generate_latest(_Together(instruments.database, MultiProcessCollector(None, str(folder))))
    process = ProcessCollector(registry=None)
    return generate_latest(_Together(instruments.database, process, instruments.registry))


def shared_folder() -> Path | None:
    """The folder in which several processes collect their metrics, if they do."""
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    return Path(folder) if folder else None


def forget_the_dead(folder: Path) -> None:
    """A process that was killed has no open streams. What it counted stays counted."""
    for pid in {path.stem.rpartition("_")[2] for path in folder.glob("gauge_live*_*.db")}:
        if pid.isdigit() and not _alive(int(pid)):
            with suppress(FileNotFoundError):  # another process is deleting it, too
                mark_process_dead(int(pid), str(folder))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
