"""Attacks by an account with an ordinary key. Each continues until its caller stops it."""

import itertools
import json
import os
import socket
import threading
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from functools import cache
from urllib.parse import urlsplit

from benchmarks.hostile.asking import Attack, Ground, burst, held_open, repeated, slow


def nothing(_: Ground, over: threading.Event) -> None:
    """Ignore errors of the attacker's own requests. The neighbours show what matters."""
    over.wait()


def half_open(ground: Ground, over: threading.Event) -> None:
    """Open connections that never finish their request."""
    address = urlsplit(ground.url)
    with ExitStack() as stack:
        for number in range(1100):
            if over.is_set():
                break
            with suppress(OSError):
                connection = stack.enter_context(socket.create_connection((address.hostname, address.port), timeout=5))
                connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n"[: number % 30])
        over.wait()


@cache
def wrong(count: int) -> str:
    return "[" + ",".join(["{}"] * count) + "]"


@cache
def mixed(count: int) -> str:
    """Numbers, texts, objects and lists in turn: a list that is not a valid prompt of any kind."""
    items = itertools.cycle(["1", '"a"', "{}", "[1]", "null"])
    return f"[{','.join(itertools.islice(items, count))}]"


def wrong_prompts(items: str) -> Attack:
    def ask(ground: Ground) -> None:
        ground.post("/v1/completions", f'{{"model": "{ground.small}", "prompt": {items}}}'.encode())

    return repeated(4, ask)


def wrong_everywhere(ground: Ground) -> None:
    """Put such items into every other list that a request accepts."""
    run, items = f"/v1/runs/{ground.small}", mixed(50_000)
    ground.post(f"{run}/score", f'{{"texts": {items}}}'.encode())
    ground.post(f"{run}/generate", f'{{"prompt": "a", "stop": {items}}}'.encode())
    ground.post(f"{run}/openai/detokenize", f'{{"tokens": {items}}}'.encode())
    ground.post(f"{run}/gates", f'{{"text": "a", "clamp": [{{"gate": "update", "value": 1, "at": {items}}}]}}'.encode())


@cache
def unknown_fields() -> bytes:
    return json.dumps({f"field{number}": number for number in range(20_000)}).encode()


@cache
def nested() -> bytes:
    return b'{"prompt":' * 200_000


@cache
def corpus() -> bytes:
    """A corpus of 2 MB that the service refuses only after it has read everything, because of its name."""
    return json.dumps({"name": "!", "text": "the time machine " * 120_000}).encode()


@cache
def scores(texts: int, repeats: int) -> bytes:
    return json.dumps({"texts": ["the time machine " * repeats] * texts}).encode()


def huge_grid(ground: Ground) -> None:
    """Grids whose number of runs has thousands of digits: one with as many paths as are allowed, and one with more."""
    for paths in (99, 5000):
        grid = {f"training.field{number}": list(range(40)) for number in range(paths)}
        ground.post("/v1/jobs?dry_run=true", {"corpus": ground.corpus, "grid": grid})


STOPS = ["a" * length + "b" for length in range(936, 1000)]
RECALL = {"task": {"kind": "copy", "lag": 50, "symbols": 4, "width": 8}, "examples": 10_000}

ATTACKS: Mapping[str, Attack] = {
    "nothing": nothing,
    # This comes before all attacks that load this model.
    "45 first loads of one large model": burst(
        45, lambda g: g.post(f"/v1/runs/{g.large}/generate", {"prompt": "a", "max_tokens": 50})
    ),
    "30 kB of wrong items in a prompt": wrong_prompts(wrong(10_000)),
    "300 kB of wrong items in a prompt": wrong_prompts(wrong(100_000)),
    "3 MB of wrong items in a prompt": wrong_prompts(wrong(1_000_000)),
    "300 kB of mixed items in a prompt": wrong_prompts(mixed(100_000)),
    "mixed items in texts, stop, tokens, clamp.at": repeated(4, wrong_everywhere),
    "20,000 unknown fields": repeated(4, lambda g: g.post(f"/v1/runs/{g.small}/generate", unknown_fields())),
    "objects nested 200,000 deep": repeated(4, lambda g: g.post("/v1/completions", nested())),
    "bodies of 20 MB": repeated(4, lambda g: g.post(f"/v1/runs/{g.small}/score", b" " * 20_000_000)),
    "a grid whose product has thousands of digits": repeated(4, huge_grid),
    "64 stop strings that nearly match": repeated(
        4,
        lambda g: g.post(
            f"/v1/runs/{g.small}/generate",
            {"prompt": "a", "max_tokens": 3000, "stop": STOPS, "logit_bias": {"3": 100}},
        ),
    ),
    "scores of 2 MB whose clients leave": repeated(
        45, lambda g: g.leave(f"/v1/runs/{g.large}/score", scores(24, 5000))
    ),
    "gates whose clients leave": repeated(
        45, lambda g: g.leave(f"/v1/runs/{g.large}/gates", {"text": "the time machine " * 5000, "units": [0]})
    ),
    "recall whose clients leave": repeated(45, lambda g: g.leave(f"/v1/runs/{g.large}/recall", RECALL)),
    "exports whose clients leave": repeated(
        45, lambda g: g.leave(f"/v1/runs/{g.large}/export?format=safetensors", None)
    ),
    "corpora of 2 MB whose clients leave": repeated(45, lambda g: g.leave("/v1/corpora", corpus())),
    "scores without a pause": repeated(16, lambda g: g.post(f"/v1/runs/{g.large}/score", scores(8, 500))),
    "1,100 half-open connections": half_open,
    "24 unread streams with log-probabilities": held_open(
        24,
        lambda _: "/v1/completions",
        lambda g: {"model": g.small, "prompt": "a", "max_tokens": 30_000, "stream": True, "logprobs": 20},
    ),
    "32 unread downloads of a checkpoint": held_open(
        32, lambda g: f"/v1/runs/{g.large}/checkpoints/{g.step}", lambda _: None
    ),
    "8 slow readers of a checkpoint": slow(8, lambda g: f"/v1/runs/{g.large}/checkpoints/{g.step}"),
    "60 unread lists of changes": held_open(60, lambda _: "/v1/jobs/changes?limit=1000", lambda _: None),
    "the alphabet of 16 MB, 8 at once": repeated(8, lambda g: g.send("GET", f"/v1/corpora/{g.corpus}/alphabet")),
    "a character of 16 MB, 40 at once": repeated(
        40, lambda g: g.send("GET", f"/v1/corpora/{g.corpus}/text?characters=1")
    ),
    "dry runs of 1,000 runs": repeated(
        8,
        lambda g: g.post(
            "/v1/jobs?dry_run=true",
            {"corpus": g.corpus, "grid": {"training.optimizer.lr": [n / 1000 for n in range(1, 1001)]}},
        ),
    ),
    "echo with log-probabilities": repeated(
        8,
        lambda g: g.post(
            "/v1/completions",
            {"model": g.small, "prompt": "the time " * 2000, "max_tokens": 0, "echo": True, "logprobs": 20},
        ),
    ),
}


def run(name: str, ground: Ground) -> None:
    """Attack until this process is killed, with the lowest priority, so that neighbours get the processors first."""
    os.nice(19)
    ATTACKS[name](ground, threading.Event())
