"""Requests that are timed, each under the name of its route."""

import math
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx2

BROKEN = "broken"
"""The status of a request whose connection ended before its answer did."""


class Timings:
    """Seconds and statuses of requests by route."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.statuses: dict[str, Counter[int | str]] = defaultdict(Counter)
        self.causes: Counter[str] = Counter()

    def add(self, route: str, seconds: float, status: int | str) -> None:
        self.seconds[route].append(seconds)
        self.statuses[route][status] += 1

    @property
    def faults(self) -> int:
        """The number of answers of 5xx and of requests without an answer."""
        found = sum(self.statuses.values(), Counter[int | str]())
        return sum(count for status, count in found.items() if not isinstance(status, int) or status >= 500)

    def rows(self, during: float) -> list[list[object]]:
        """Per route: requests, requests per second, p50 and p99 in milliseconds, statuses."""
        return [
            [
                route,
                len(seconds),
                f"{len(seconds) / during:.1f}",
                f"{1000 * quantile(seconds, 0.5):.0f}",
                f"{1000 * quantile(seconds, 0.99):.0f}",
                ", ".join(f"{status}: {count}" for status, count in sorted(self.statuses[route].items(), key=str)),
            ]
            for route, seconds in sorted(self.seconds.items())
        ]


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that this share of the values does not exceed; NaN if there are no values."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)] if values else math.nan


class Client:
    """One user of the API, who reads every answer to its end."""

    def __init__(self, http: httpx2.AsyncClient, timings: Timings) -> None:
        self._http, self._timings = http, timings

    async def ask(self, route: str, method: str, path: str, **how: Any) -> Any:
        """The answer as JSON, or as text if it is a stream; None if it is a refusal or broke off."""
        async with self._timed(route) as found:
            answer = await self._http.request(method, path, **how)
            found["status"] = answer.status_code
            if answer.is_success:
                is_json = answer.headers["content-type"].startswith("application/json")
                found["answer"] = answer.json() if is_json else answer.text
        return found.get("answer")

    @asynccontextmanager
    async def _timed(self, route: str) -> AsyncIterator[dict[str, Any]]:
        found: dict[str, Any] = {"status": BROKEN}
        begun = time.perf_counter()
        try:
            yield found
        except httpx2.TransportError as error:
            self._timings.causes[type(error).__name__] += 1
        finally:
            self._timings.add(route, time.perf_counter() - begun, found["status"])
