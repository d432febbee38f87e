"""The native decoder: reads, predicts and chooses in C++, many tokens of many streams in one call."""

import ctypes
import weakref
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gatelab.architecture import parameter_shapes
from gatelab.generation.decoders.base import Decoded, Decoder, Floats, Stream, Texts, cut_short
from gatelab.generation.sampling import not_finite
from gatelab.network import Network
from gatelab.scan.native import Program, Unavailable, layout_of, load
from gatelab.scan.native.interface import Member
from gatelab.scan.native.interface import Stream as NativeStream
from gatelab.scan.native.interface import Texts as NativeTexts
from gatelab.scan.native.program import address, untied
from gatelab.specs.engine_support import why_not
from gatelab.text.tokenizers import SPECIALS, Ids

TILE = 16
"""The number of streams that one thread computes together; only more streams keep a second thread busy."""
LIGHT = 1_000_000
"""Operations of a call below which a second thread costs more than it gains."""
WIDE = 400_000
"""From this many parameters on, threads compute the steps of one tile together, since memory limits the speed."""


class NativeDecoder(Decoder):
    """In single precision, on the CPU. Any number of threads may use it at once; calls run without Python's lock.

    Raises:
        Unavailable: the native engine cannot be used, or has no code for a field of the model.
    """

    def __init__(self, network: Network, threads: int = 1) -> None:
        spec, self.vocabulary, self._threads = network.spec, network.vocabulary, threads
        if (reason := why_not("decoder", spec)) is not None:
            raise Unavailable(reason)
        known = layout_of(parameter_shapes(spec, network.vocabulary))
        layout = untied(known, spec.widths[-1], network.vocabulary)
        self._parameters = np.empty(layout.length, np.float32)
        arrays = layout.arrays(self._parameters)
        for name, array in arrays.items():
            array[...] = network.head if name == "weight_head" else network.weights[name]
        embedding = 0 if spec.input == "one_hot" else spec.input.embedding
        self._library = load()
        self._program = Program(self._library, spec.cell, spec.layers, self.vocabulary, embedding, layout)
        self._head = arrays["weight_head"], arrays["bias_head"]
        self._address = self._program.new_decoder(self._parameters, SPECIALS)
        if type(self) is NativeDecoder:  # a subclass may decode in its own way
            # A step of models of one kind takes about as long: each waits for the slowest.
            size = layout.length.bit_length(), network.vocabulary.bit_length()
            self.kind = spec.cell.representation.digest, spec.layers, spec.cell.hidden, embedding, size
        self.bytes = self._parameters.nbytes + self._library.decoder_bytes(self._address)
        self._initial = np.array(network.initial_state(1), np.float32)[:, :, 0]
        weakref.finalize(self, self._library.free_decoder, self._address)

    def initial_state(self) -> Floats:
        return self._initial.copy()

    def read(self, ids: Ids, state: Floats) -> Floats:
        return self._read(ids, state, None) if len(ids) else state.copy()

    def predict(self, ids: Ids, state: Floats) -> tuple[Floats, Floats]:
        outputs = np.empty((len(ids), self._program.hidden), np.float32)
        after = self._read(ids, state, outputs)
        with np.errstate(over="ignore", invalid="ignore"):
            logits = outputs @ self._head[0] + self._head[1]
        if not np.isfinite(logits).all():
            raise not_finite("logits")
        return logits, after

    def _read(self, ids: Ids, state: Floats, outputs: Floats | None) -> Floats:
        before, after = np.ascontiguousarray(state), np.empty_like(state)
        text = np.append(ids, ids[:1])  # the last token needs another one after it, as its target
        starts, ends = np.zeros(1, np.int64), np.array([len(ids)], np.int64)
        members = (Member * 1)()
        member = members[0]
        member.ids, member.length = address(text), len(text)
        member.starts, member.ends = address(starts), address(ends)
        member.rows, member.steps = 1, len(ids)
        member.parameters = address(self._parameters)
        member.state_in, member.state_out = address(before), address(after)
        member.outputs = address(outputs)
        self._program.read(members, 1)
        if not np.isfinite(after).all():
            raise not_finite("states")
        return after

    def decode(self, streams: Sequence[Stream], steps: int, *, logits: bool = False) -> list[Decoded]:
        return _decode([(self, streams)], steps, logits)

    @classmethod
    def decode_together(cls, texts: Sequence[Texts], steps: int, *, logits: bool = False) -> list[Decoded]:
        native = [(decoder, streams) for decoder, streams in texts if isinstance(decoder, NativeDecoder)]
        if len(native) < len(texts):
            raise TypeError("native decoders decode together with native decoders")
        return _decode(native, steps, logits)


def _decode(texts: Sequence[tuple[NativeDecoder, Sequence[Stream]]], steps: int, logits: bool) -> list[Decoded]:
    call = _Call(texts, steps, logits)
    parameters = [len(decoder._parameters) for decoder, _ in texts]
    work = sum(2 * size * len(streams) * steps for size, (_, streams) in zip(parameters, texts, strict=True))
    tiles = sum(-(-len(streams) // TILE) for _, streams in texts)
    decoder, _ = texts[0]
    most = decoder._threads if tiles == 1 and parameters[0] >= WIDE else tiles
    decoder._library.decode(call.texts, steps, min(decoder._threads, most, max(1, work // LIGHT)))
    return call.taken()


class _Call:
    """Streams in the arrays that the native decoder takes. One array of each kind holds all streams, which is faster.

    Args:
        texts: of decoders whose states have one shape.
    """

    def __init__(self, texts: Sequence[tuple[NativeDecoder, Sequence[Stream]]], steps: int, logits: bool) -> None:
        streams = self._streams = [stream for _, some in texts for stream in some]
        count = len(streams)
        self._states = np.array([stream.state for stream in streams])
        self._uniforms = np.empty((count, steps))
        self._ids = np.empty((count, steps), np.int64)
        self._logits: list[Floats | None] = [None] * count
        if logits:
            shapes = [(len(some), steps, decoder.vocabulary) for decoder, some in texts]
            self._logits = [of_one for shape in shapes for of_one in np.empty(shape, np.float32)]
        self._natives = (NativeStream * count)()
        self._fill()
        self.texts = (NativeTexts * len(texts))()
        ends = accumulate(len(some) for _, some in texts)
        for native, (decoder, some), end in zip(self.texts, texts, ends, strict=True):
            native.decoder, native.count = decoder._address, len(some)
            native.streams = ctypes.pointer(self._natives[end - len(some)])

    def _fill(self) -> None:
        arrays: tuple[NDArray[Any], ...] = self._states, self._uniforms, self._ids
        state, uniforms, ids = map(_rows, arrays)
        for number, (native, stream) in enumerate(zip(self._natives, self._streams, strict=True)):
            native.state, native.tokens, native.logits = state(number), ids(number), address(self._logits[number])
            native.token, how = stream.token, stream.how
            if how.temperature:
                stream.random.random(out=self._uniforms[number])
            native.uniforms = uniforms(number)
            native.temperature, native.penalty = how.temperature, how.repetition_penalty
            native.top_k, native.min_p = how.top_k or 0, how.min_p or 0.0
            native.top_p = 1.0 if how.top_p is None else how.top_p
            native.bias, native.seen = address(stream.bias), address(stream.seen)

    def taken(self) -> list[Decoded]:
        """The chosen tokens; the streams advance."""
        tokens = self._ids[:, -1].tolist()
        for stream, state, token in zip(self._streams, self._states, tokens, strict=True):
            stream.state, stream.token = state, token
        decoded = [Decoded(ids, logits) for ids, logits in zip(self._ids, self._logits, strict=True)]
        return [cut_short(each, native.finite) for each, native in zip(decoded, self._natives, strict=True)]


def _rows(array: NDArray[Any]) -> Callable[[int], int]:
    """Where each row of an array is."""
    begin, stride = array.ctypes.data, array.strides[0]
    return lambda number: begin + number * stride
