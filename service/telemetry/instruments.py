"""The service's metrics. Each app has a registry of its own."""

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gatelab import __version__
from gatelab.errors import Unavailable
from gatelab.store import Store

FAST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Instruments:
    """The counts of this process, and the numbers that each scrape reads from the database.

    If PROMETHEUS_MULTIPROC_DIR is set, prometheus-client keeps the counts in files there, and a scrape of any process
    sees the sum over all.
    """

    def __init__(self, store: Store) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "gatelab_http_requests",
            "HTTP requests answered",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "gatelab_http_request_seconds",
            "Seconds from a request's arrival to the end of its answer; for an event stream, to its beginning",
            ["method", "route"],
            buckets=FAST_SECONDS,
            registry=self.registry,
        )
        self.event_streams = Gauge(
            "gatelab_event_streams",
            "Event streams (server-sent events) that are open now",
            ["route"],
            registry=self.registry,
            multiprocess_mode="livesum",
        )
        self.tokens = Counter(
            "gatelab_generated_tokens", "Tokens generated and passed to requests", registry=self.registry
        )
        self.first_token_seconds = Histogram(
            "gatelab_time_to_first_token_seconds",
            "Seconds from a request's arrival to the first tokens of its text, including the time to load the model",
            buckets=FAST_SECONDS,
            registry=self.registry,
        )
        self._texts = Gauge(
            "gatelab_texts",
            "Texts that are being generated now, and texts that wait for their turn",
            ["phase"],
            registry=self.registry,
            multiprocess_mode="livesum",
        )
        self._answered: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self.database = DatabaseCollector(store)
        self.texts(0, 0)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answered request, with its time."""
        series = self._answered.get((method, route, status))
        if series is None:
            counter = self.requests.labels(method, route, str(status))
            series = self._answered[method, route, status] = counter, self.request_seconds.labels(method, route)
        series[0].inc()
        series[1].observe(seconds)

    def texts(self, writing: int, waiting: int) -> None:
        """Set the numbers of texts, which the batcher passes whenever they change."""
        self._texts.labels("writing").set(writing)
        self._texts.labels("waiting").set(waiting)

    def text(self, seconds_so_far: Callable[[], float]) -> Callable[[int], None]:
        """A function to call with the number of tokens of every piece of one text."""
        begun = False

        def heard(tokens: int) -> None:
            nonlocal begun
            if not begun:
                begun = True
                self.first_token_seconds.observe(seconds_so_far())
            self.tokens.inc(tokens)

        return heard


class DatabaseCollector(Collector):
    """Numbers of the database, read at every scrape: the same for every process."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def collect(self) -> Iterator[Metric]:
        version = GaugeMetricFamily("gatelab_build_info", "The version that runs; always 1", labels=["version"])
        version.add_metric([__version__], 1)
        yield version
        up = GaugeMetricFamily("gatelab_database_up", "Whether the database answered this scrape")
        try:
            counts = self._store.count_runs()
        except Unavailable:
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        runs = GaugeMetricFamily("gatelab_runs", "Runs by state", labels=["state"])
        for state, count in counts.runs.items():
            runs.add_metric([state], count)
        yield runs
        yield GaugeMetricFamily(
            "gatelab_queue_age_seconds",
            "Seconds for which the oldest queued run has waited; 0 if no run waits",
            value=counts.queue_age,
        )
        yield GaugeMetricFamily(
            "gatelab_expired_leases",
            "Running runs whose worker fell silent, and which no other worker has recovered yet",
            value=counts.expired_leases,
        )
