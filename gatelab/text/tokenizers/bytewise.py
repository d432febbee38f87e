"""Ids that stand for bytes of the UTF-8 text, so that nothing is unknown."""

import codecs
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from gatelab.text.tokenizers.base import SPECIAL_NAMES, SPECIALS, Encoded, Ids, TextDecoder, Tokenizer

BYTES = 256

BYTE = [bytes([code]) for code in range(BYTES)]


class Utf8(TextDecoder):
    """Decodes ids that stand for bytes, which may be a part of a character.

    Args:
        pieces: the bytes of each id from SPECIALS on.
    """

    def __init__(self, pieces: "list[bytes] | tuple[bytes, ...]", pending: bytes) -> None:
        self._pieces = pieces
        self._utf8 = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._utf8.setstate((pending, 0))

    @property
    def pending(self) -> bytes:
        return bytes(self._utf8.getstate()[0])

    def __call__(self, token: int) -> str:
        return self._utf8.decode(self._pieces[token - SPECIALS]) if token >= SPECIALS else ""

    def many(self, ids: Ids) -> str:
        pieces = self._pieces
        return self._utf8.decode(b"".join([pieces[number] for number in (ids[ids >= SPECIALS] - SPECIALS).tolist()]))

    def place(self, token: int, at: int) -> tuple[int, str]:
        piece = self._pieces[token - SPECIALS] if token >= SPECIALS else b""
        text = self._utf8.decode(piece[:1])
        # If the text ended here, its last character would come from this byte, the others from earlier ones.
        shown = len(text) + len(self.pending.decode(errors="replace"))
        return at + max(0, shown - 1), text + self._utf8.decode(piece[1:])


def begins(data: bytes) -> NDArray[np.bool_]:
    """(bytes,): whether a character begins there. Every byte but its first is of the form 10xxxxxx."""
    found: NDArray[np.bool_] = (np.frombuffer(data, dtype=np.uint8) & 0b1100_0000) != 0b1000_0000
    return found


@dataclass(frozen=True)
class ByteTokenizer(Tokenizer):
    """One id per byte of the UTF-8 text. Its vocabulary needs no corpus, so nothing is unknown."""

    kind: ClassVar[str] = "byte"

    @property
    def vocabulary(self) -> int:
        return SPECIALS + BYTES

    def _encode(self, text: str) -> Encoded:
        ids = np.frombuffer(text.encode(), dtype=np.uint8).astype(np.int64) + SPECIALS
        return Encoded(ids, len(text), 0)

    @property
    def alphabet(self) -> None:
        return None

    def _places(self, text: str) -> Ids:
        return np.cumsum(begins(text.encode()), dtype=np.int64) - 1

    def name(self, token: int) -> str:
        return SPECIAL_NAMES[token] if token < SPECIALS else piece_name(BYTE[token - SPECIALS])

    def characters_in(self, ids: Ids) -> int:
        # Every character has one byte that is not of the form 10xxxxxx.
        return int((((ids - SPECIALS) & 0b1100_0000) != 0b1000_0000).sum())

    def decoder(self, pending: bytes = b"") -> TextDecoder:
        return Utf8(BYTE, pending)

    def begun(self, ids: Ids) -> bytes:
        return begun(self, ids)


def begun(tokenizer: Tokenizer, ids: Ids) -> bytes:
    """`Tokenizer.begun` where every id stands for one byte or more.

    An incomplete character has at most three bytes, and its first byte begins a character whatever is before it.
    """
    decode = tokenizer.decoder()
    for token in ids[ids >= SPECIALS][-3:].tolist():
        decode(token)
    return decode.pending


def piece_name(piece: bytes) -> str:
    """How bytes are shown: as text if they are valid UTF-8, else as OpenAI shows them."""
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in piece)
