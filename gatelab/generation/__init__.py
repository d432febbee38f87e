"""Generating text from a model, and judging text by it.

`generate` is the reference: one text, a token at a time. `Batcher` and `write` serve many at once by a `Decoder`.
"""

from gatelab.generation.batching import Batcher
from gatelab.generation.decode import Token, generate
from gatelab.generation.decoders import Decoder, ReferenceDecoder, build_decoder
from gatelab.generation.scoring import Score, score
from gatelab.generation.sessions import Sealer, Session
from gatelab.generation.writing import FinishReason, Piece, Pieces, Text, continuation, stream_of, write

__all__ = [
    "Batcher",
    "Decoder",
    "FinishReason",
    "Piece",
    "Pieces",
    "ReferenceDecoder",
    "Score",
    "Sealer",
    "Session",
    "Text",
    "Token",
    "build_decoder",
    "continuation",
    "generate",
    "score",
    "stream_of",
    "write",
]
