"""Event streams that stay open, and how late events arrive on them."""

import asyncio
import json
import time
from collections.abc import Sequence
from datetime import datetime

import httpx2


class Streams:
    """Open streams of jobs' events."""

    def __init__(self, http: httpx2.AsyncClient, jobs: Sequence[str], count: int) -> None:
        self.open = self.broken = 0
        self.lags: list[float] = []
        self._since = time.time()
        self._tasks = [
            asyncio.create_task(self._follow(http, jobs[number % len(jobs)], number)) for number in range(count)
        ]

    async def all_open(self) -> None:
        while self.open + self.broken < len(self._tasks):
            await asyncio.sleep(0.05)
        self._since = time.time()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _follow(self, http: httpx2.AsyncClient, job: str, number: int) -> None:
        try:
            async with http.stream("GET", f"/v1/jobs/{job}/events") as answer:
                answer.raise_for_status()
                self.open += 1
                async for line in answer.aiter_lines():
                    if line.startswith("data: "):
                        self._note(json.loads(line.removeprefix("data: ")))
            self.broken += 1  # these jobs do not end
        except (httpx2.HTTPError, httpx2.StreamError):
            self.broken += 1

    def _note(self, event: dict[str, str]) -> None:
        happened = datetime.fromisoformat(event["created_at"]).timestamp()
        if happened > self._since:
            self.lags.append(time.time() - happened)
