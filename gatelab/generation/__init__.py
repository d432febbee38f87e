"""Generating text from a model, and scoring text with it.

`Batcher` and `write` serve many texts at once with a `Decoder`.
"""

from gatelab.generation.batching import Batcher
from gatelab.generation.decoders import Decoder, ReferenceDecoder, build_decoder
from gatelab.generation.pieces import Pieces, write
from gatelab.generation.scoring import Score, score
from gatelab.generation.sessions import Sealer, Session
from gatelab.generation.streams import continuation, stream_of
from gatelab.generation.written_text import FinishReason, Piece, Text

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
    "build_decoder",
    "continuation",
    "score",
    "stream_of",
    "write",
]
