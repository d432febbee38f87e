"""The same seed and request give the same text: alone, among 64, streamed, and through OpenAI's API."""

import asyncio
import json
from typing import Any

import httpx2

from service.app import create_app
from tests.service.conftest import Trained
from tests.service.live import serving

COMPANY = 64


def request_of(number: int) -> dict[str, Any]:
    """Requests with many sampling options and many lengths."""
    ways: list[dict[str, Any]] = [
        {},
        {"temperature": 0},
        {"temperature": 0.5, "top_k": 3},
        {"top_p": 0.8},
        {"min_p": 0.05, "repetition_penalty": 1.3},
        {"logit_bias": {"3": 2.5}},
        {"stop": ["e"]},
    ]
    way = ways[number % len(ways)]
    return {"prompt": "the cat"[: number % 8], "max_tokens": 20 + 5 * (number % 30), "seed": number} | way


async def whole(client: httpx2.AsyncClient, run: str, number: int) -> str:
    answer = await client.post(f"/v1/runs/{run}/generate", json=request_of(number))
    return str(answer.json()["text"])


async def streamed(client: httpx2.AsyncClient, run: str, number: int) -> str:
    text = ""
    async with client.stream("POST", f"/v1/runs/{run}/generate", json=request_of(number) | {"stream": True}) as answer:
        async for line in answer.aiter_lines():
            if line.startswith("data: "):
                text += json.loads(line[6:]).get("text", "")
    return text


async def by_openai(client: httpx2.AsyncClient, run: str, number: int) -> str:
    answer = await client.post("/v1/completions", json=request_of(number) | {"model": run})
    return str(answer.json()["choices"][0]["text"])


async def answers(url: str, run: str) -> tuple[list[str], list[list[str]]]:
    async with httpx2.AsyncClient(base_url=url, timeout=60, limits=httpx2.Limits(max_connections=None)) as client:
        alone = [await whole(client, run, number) for number in range(COMPANY)]
        together = [
            await asyncio.gather(*(way(client, run, number) for number in range(COMPANY)))
            for way in (whole, streamed, by_openai)
        ]
        return alone, together


def test_company_and_door_make_no_difference(trained: Trained) -> None:
    with serving(create_app(trained.service.settings)) as url:
        alone, together = asyncio.run(answers(url, trained.run["id"]))
    assert len(set(alone)) > COMPANY / 2
    for texts in together:
        assert texts == alone
