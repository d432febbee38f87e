"""The same server with LitServe, which collects simultaneous requests into a batch and streams the batch's texts.

python -m benchmarks.peers.litserve_server CHECKPOINT PORT
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import litserve
import torch

from benchmarks.generation import Loop
from gatelab.checkpoint import Checkpoint
from gatelab.model import model_of
from gatelab.text.tokenizers import SPECIALS

BATCH = 64
"""Requests in a batch: as many as the benchmark's clients."""
PATIENCE = 0.02
"""Seconds for which a batch waits for more requests."""


class Writer(litserve.LitAPI):  # type: ignore[misc]
    """One layer of the GRU with its reset gate after the product, and one-hot input."""

    def __init__(self, checkpoint: Path) -> None:
        super().__init__(max_batch_size=BATCH, batch_timeout=PATIENCE, stream=True, api_path="/generate")
        self._checkpoint = checkpoint

    def setup(self, device: str) -> None:
        torch.set_num_threads(2)
        checkpoint = Checkpoint.from_bytes(self._checkpoint.read_bytes())
        self._model, self._tokenizer = model_of(checkpoint), checkpoint.tokenizer
        self._model.bias_head.data[:SPECIALS] = -1e9  # never chosen

    def decode_request(self, request: dict[str, Any]) -> dict[str, Any]:
        return request

    def batch(self, inputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return inputs

    def unbatch(self, output: Iterator[list[str]]) -> Iterator[list[str]]:
        yield from output

    def predict(self, inputs: list[dict[str, Any]]) -> Iterator[list[str]]:
        loop = Loop.joined([self._read(request["prompt"]) for request in inputs])
        decode = self._tokenizer.decoder()
        wanted = [request["max_tokens"] for request in inputs]
        for step in range(max(wanted)):
            loop.step()
            tokens = loop.tokens.tolist()
            yield [decode(token) if step < most else "" for token, most in zip(tokens, wanted, strict=True)]

    # LitServe takes the annotation for the type of an answer, so it is no more exact than Any.
    def encode_response(self, output: Iterator[list[str]]) -> Any:
        for texts in output:
            yield [f"data: {json.dumps({'text': text})}\n\n" for text in texts]

    def _read(self, prompt: str) -> Loop:
        loop = Loop(self._model, 1)
        for token in self._tokenizer.encode(prompt).ids.tolist():
            loop.predict()
            loop.read(token)
        return loop


if __name__ == "__main__":
    server = litserve.LitServer(Writer(Path(sys.argv[1])), accelerator="cpu", timeout=False)
    server.run(host="127.0.0.1", port=int(sys.argv[2]), generate_client_file=False, log_level="error")
