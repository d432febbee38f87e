"""A server as one would write it by hand for a GRU: FastAPI, and a loop over torch.nn.GRUCell in each request's thread.

python -m benchmarks.peers.plain_server CHECKPOINT PORT
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
import uvicorn
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from benchmarks.generation import Loop
from gatelab.checkpoint import Checkpoint
from gatelab.model import model_of
from gatelab.text.tokenizers import SPECIALS


class Request(BaseModel):
    prompt: str
    max_tokens: int


def app_of(checkpoint: Checkpoint) -> FastAPI:
    """Generates with the weights of a checkpoint: one layer of the GRU with its reset gate after, one-hot input."""
    app, model, tokenizer = FastAPI(), model_of(checkpoint), checkpoint.tokenizer
    model.bias_head.data[:SPECIALS] = -1e9  # never chosen

    def written(request: Request) -> Iterator[str]:
        loop = Loop(model, 1)
        for token in tokenizer.encode(request.prompt).ids.tolist():
            loop.predict()
            loop.read(token)
        decode = tokenizer.decoder()
        for _ in range(request.max_tokens):
            loop.step()
            yield f"data: {json.dumps({'text': decode(int(loop.tokens[0]))})}\n\n"

    @app.post("/generate")
    def generate(request: Request) -> StreamingResponse:
        return StreamingResponse(written(request), media_type="text/event-stream")

    return app


if __name__ == "__main__":
    torch.set_num_threads(1)
    trained = Checkpoint.from_bytes(Path(sys.argv[1]).read_bytes())
    uvicorn.run(app_of(trained), port=int(sys.argv[2]), log_level="error")
