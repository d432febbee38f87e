"""Requests that exceed each limit tenfold: the service refuses them by the limit's name, and serves all others."""

import asyncio
from collections.abc import AsyncIterator

from benchmarks.load.requests import Client
from benchmarks.load.stack import LIMITS
from benchmarks.load.users import SMALL, Known

RUNS_PER_JOB = 1000
TEXTS = 512
"""The most texts that the service generates and lets wait at once."""
CHOICES = 16
JSON = {"Content-Type": "application/json"}


async def too_much(client: Client, known: Known) -> None:
    """Exceed every limit tenfold."""
    for ask in (_long_prompt, _many_tokens, _large_corpus, _large_body, _uncounted_body, _many_runs):
        await ask(client, known)
    await asyncio.gather(*(_many_texts(client, known) for _ in range(10 * TEXTS // CHOICES)))


async def _long_prompt(client: Client, known: Known) -> None:
    body = {"prompt": "x" * 10 * LIMITS["PROMPT_CHARACTERS"]}
    await client.ask("10 x prompt", "POST", f"/v1/runs/{known.run}/generate", json=body)


async def _many_tokens(client: Client, known: Known) -> None:
    body = {"prompt": "x", "max_tokens": 10 * LIMITS["MAX_TOKENS"]}
    await client.ask("10 x tokens", "POST", f"/v1/runs/{known.run}/generate", json=body)


async def _large_corpus(client: Client, known: Known) -> None:
    body = {"name": "large", "text": "x" * (LIMITS["CORPUS_BYTES"] + 1)}
    await client.ask("corpus over its limit", "POST", "/v1/corpora", json=body)


async def _large_body(client: Client, known: Known) -> None:
    await client.ask("10 x body", "POST", "/v1/corpora", content=b"x" * 10 * LIMITS["BODY_BYTES"], headers=JSON)


async def _uncounted_body(client: Client, known: Known) -> None:
    """A body whose length is not declared."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b"x" * LIMITS["BODY_BYTES"]

    await client.ask("10 x body, in pieces", "POST", "/v1/corpora", content=pieces(), headers=JSON)


async def _many_runs(client: Client, known: Known) -> None:
    await client.ask("10 x runs", "POST", "/v1/jobs", json=SMALL | {"repeats": 10 * RUNS_PER_JOB})


async def _many_texts(client: Client, known: Known) -> None:
    body = {"model": known.run, "prompt": "The ", "n": CHOICES, "max_tokens": 200}
    await client.ask("10 x texts at once", "POST", "/v1/completions", json=body)
