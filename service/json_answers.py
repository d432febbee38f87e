"""Answers whose JSON is written once, without a pass over their parts before."""

from collections.abc import Callable
from typing import Any

import orjson
from fastapi import Response
from pydantic import BaseModel

JSON = "application/json"
PIECE = 1000
"""The elements of a list that are written without a pause, while other threads have to wait."""


def said(answer: BaseModel) -> Response:
    """The answer, in one go."""
    return Response(answer.model_dump_json(by_alias=True), media_type=JSON)


def said_in_pieces(answer: BaseModel, between: Callable[[], object]) -> Response:
    """The same for an answer that may have long lists.

    Args:
        between: called before each piece of a list. If it raises an exception, the work ends.
    """
    return Response(orjson.dumps(_writable(answer, between)), media_type=JSON)


def _writable(value: Any, between: Callable[[], object]) -> Any:
    """What orjson can write: models as their fields, and long lists as JSON."""
    if isinstance(value, BaseModel):
        return {name: _writable(of_field, between) for name, of_field in value.__dict__.items()}
    if not isinstance(value, list):
        return value
    if len(value) <= PIECE:
        return [_writable(item, between) if isinstance(item, BaseModel) else item for item in value]
    pieces = []
    for at in range(0, len(value), PIECE):
        between()
        pieces.append(orjson.dumps(_writable(value[at : at + PIECE], between))[1:-1])
    return orjson.Fragment(b"[" + b",".join(pieces) + b"]")
