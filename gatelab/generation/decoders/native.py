"""The native decoder: reads, predicts and chooses in C++, many tokens of many streams in one call."""

import weakref
from collections.abc import Sequence

import numpy as np
import torch

from gatelab.generation.decoders.base import Decoded, Decoder, Floats, Stream
from gatelab.model import LanguageModel
from gatelab.scan.native import Program, layout_of, load
from gatelab.scan.native.interface import Member
from gatelab.scan.native.interface import Stream as NativeStream
from gatelab.scan.native.program import double_pointer, flag_pointer, number_pointer, pointer
from gatelab.text.tokenizers import SPECIALS, Ids

TILE = 16
"""Streams that one thread computes together: with no more of them, others have nothing to do."""
LIGHT = 1_000_000
"""Operations of a call below which a second thread costs more than it brings."""


class NativeDecoder(Decoder):
    """In single precision, on the CPU. Any number of threads may use it at once; calls run without Python's lock.

    Raises:
        Unavailable: the native engine is.
    """

    def __init__(self, model: LanguageModel, threads: int = 1) -> None:
        spec, self.vocabulary, self._threads = model.spec, model.vocabulary, threads
        layout = layout_of({name: p.shape for name, p in model.named_parameters()})
        self._parameters = torch.cat([p.detach().float().cpu().flatten() for p in model.parameters()]).numpy()
        embedding = 0 if spec.input == "one_hot" else spec.input.embedding
        self._library = load()
        self._program = Program(self._library, spec.cell, spec.layers, self.vocabulary, embedding, layout)
        tensors = layout.tensors(self._parameters)
        self._head = tensors["weight_head"].numpy(), tensors["bias_head"].numpy()
        self._address = self._program.new_decoder(self._parameters, SPECIALS)
        weakref.finalize(self, self._library.free_decoder, self._address)

    def initial_state(self) -> Floats:
        layers, tensors, _, hidden = self._program.state_shape(1)
        return np.zeros((layers, tensors, hidden), np.float32)

    def read(self, ids: Ids, state: Floats) -> Floats:
        return self._read(ids, state, None) if len(ids) else state.copy()

    def predict(self, ids: Ids, state: Floats) -> tuple[Floats, Floats]:
        outputs = np.empty((len(ids), self._program.hidden), np.float32)
        after = self._read(ids, state, outputs)
        return outputs @ self._head[0] + self._head[1], after

    def _read(self, ids: Ids, state: Floats, outputs: Floats | None) -> Floats:
        before, after = np.ascontiguousarray(state), np.empty_like(state)
        text = np.append(ids, ids[:1])  # a token must stand behind the last one, as its target
        starts, ends = np.zeros(1, np.int64), np.array([len(ids)], np.int64)
        members = (Member * 1)()
        member = members[0]
        member.ids, member.length = number_pointer(text), len(text)
        member.starts, member.ends = number_pointer(starts), number_pointer(ends)
        member.rows, member.steps = 1, len(ids)
        member.parameters = pointer(self._parameters)
        member.state_in, member.state_out = pointer(before), pointer(after)
        member.outputs = pointer(outputs)
        self._program.read(members, 1)
        return after

    def decode(self, streams: Sequence[Stream], steps: int, *, logits: bool = False) -> list[Decoded]:
        calls = [_Call(stream, steps, self.vocabulary if logits else 0) for stream in streams]
        natives = (NativeStream * len(calls))()
        for native, call in zip(natives, calls, strict=True):
            call.describe(native)
        work = 2 * len(self._parameters) * len(streams) * steps
        threads = min(self._threads, -(-len(streams) // TILE), max(1, work // LIGHT))
        self._library.decode(self._address, natives, steps, threads)
        return [call.taken(native) for native, call in zip(natives, calls, strict=True)]


class _Call:
    """A stream in the arrays that the native decoder takes. They live as long as this."""

    def __init__(self, stream: Stream, steps: int, vocabulary: int) -> None:
        self._stream, self._state = stream, np.array(stream.state, np.float32, order="C")
        self._uniforms = stream.random.random(steps) if stream.how.temperature else None
        self._ids = np.empty(steps, np.int64)
        self._logits = np.empty((steps, vocabulary), np.float32) if vocabulary else None

    def describe(self, native: NativeStream) -> None:
        how = self._stream.how
        native.state, native.token = pointer(self._state), self._stream.token
        native.uniforms = double_pointer(self._uniforms)
        native.temperature, native.penalty = how.temperature, how.repetition_penalty
        native.top_k = how.top_k or 0
        native.top_p = 1.0 if how.top_p is None else how.top_p
        native.min_p = how.min_p or 0.0
        native.bias, native.seen = pointer(self._stream.bias), flag_pointer(self._stream.seen)
        native.tokens, native.logits = number_pointer(self._ids), pointer(self._logits)

    def taken(self, native: NativeStream) -> Decoded:
        """What was chosen; the stream moves on."""
        self._stream.state, self._stream.token = self._state, native.token
        return Decoded(self._ids, self._logits)
