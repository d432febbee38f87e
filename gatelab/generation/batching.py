"""Continuous batching: texts of one model, and of models of one kind, are written together.

Each joins and leaves between two calls.
"""

import threading
import time
import weakref
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace

from gatelab.errors import Overloaded
from gatelab.generation.decoders import Decoded, Decoder, Stream

CALL_SECONDS = 0.002
"""The intended time of a call: the next text waits for it, and Python does not run meanwhile."""
LOOK_SECONDS = 0.05
"""How often to check for abandoned texts while all are paused."""
MOST_LOGITS = 2**18
"""Logits that a call hands over of each text, at most; a megabyte."""
TOKENS_WITH_LOGITS = 32
"""The most tokens with logits in a call: passing them on takes far longer than generating them."""
IDLE_SECONDS = 1.0
"""How long an idle thread waits for another text."""
LONGEST_CALL = 256
"""The most steps of a call: if a text ends early, the rest of them are wasted."""


@dataclass(eq=False)
class Writing:
    """A text that is being written.

    Attributes:
        remaining: the number of tokens still to generate.
        deliver: called by another thread with the chosen tokens, or with an error.
        logits: whether to deliver them too.
        exact: whether the stream must not move beyond the requested tokens.
        dropped: set when the text is no longer needed.
        paused: set while its reader is far behind; no more is generated then.
    """

    decoder: Decoder
    stream: Stream
    remaining: int
    deliver: Callable[[Decoded | Exception], object]
    logits: bool = False
    exact: bool = False
    dropped: bool = False
    paused: bool = False


Model = tuple[Decoder, Sequence[Writing]]
"""A model, and the texts that it writes."""


class Batcher:
    """Generates all open texts in one thread, which lives while there are any and a moment longer.

    Args:
        most: how many texts are written at once.
        most_waiting: how many more may wait for their turn.
        on_texts: called with how many are being written and how many wait, whenever that changes. It must return at
            once, and not use this object.
    """

    def __init__(
        self,
        most: int = 256,
        most_waiting: int = 256,
        on_texts: Callable[[int, int], object] = lambda *_: None,
    ) -> None:
        self._most, self._most_waiting = most, most_waiting
        self._on_texts, self._told = on_texts, (0, 0)
        self._lock = threading.Lock()
        self._waiting: list[Writing] = []
        self._active: list[Writing] = []
        self._comes = threading.Condition(self._lock)
        self._running = self._idle = False
        self._resumed = threading.Event()
        self._pace: weakref.WeakKeyDictionary[Decoder, float] = weakref.WeakKeyDictionary()

    def open(self, writing: Writing) -> None:
        """Start generating a text.

        Raises:
            Overloaded: the largest number of texts is waiting already.
        """
        with self._lock:
            if len(self._active) + len(self._waiting) >= self._most + self._most_waiting:
                raise Overloaded(
                    f"{self._most} texts are being generated and {self._most_waiting} are waiting; try again soon"
                )
            self._waiting.append(writing)
            self._tell_texts()
            if self._idle:
                self._running = True
                self._comes.notify()
            elif not self._running:
                self._running = True
                threading.Thread(target=self._run, name="batcher", daemon=True).start()

    def write_now(self, writing: Writing) -> None:
        """Write all of a short text in the caller's thread."""
        self._hand_over([writing], self._decoded([(writing.decoder, [writing])], writing.remaining))

    def _run(self) -> None:
        while self._admit() or self._more_comes():
            ready = [w for w in self._active if not w.paused]
            for models in _by_kind(ready):
                self._advance(models)
            if not ready and self._active:
                self._resumed.wait(LOOK_SECONDS)
                self._resumed.clear()

    def resume(self, writing: Writing) -> None:
        """Continue a paused text."""
        writing.paused = False
        self._resumed.set()

    def _admit(self) -> bool:
        """Remove texts that have ended, admit waiting ones. False: there is nothing to do, and the thread ends."""
        with self._lock:
            self._active = [w for w in self._active if w.remaining > 0 and not w.dropped]
            self._waiting = [w for w in self._waiting if not w.dropped]
            room = max(0, self._most - sum(not w.paused for w in self._active))
            self._active += self._waiting[:room]
            del self._waiting[:room]
            self._tell_texts()
            self._running = bool(self._active)
            self._idle = not self._running
            return self._running

    def _more_comes(self) -> bool:
        """Whether another text comes soon: a thread takes longer to start than a short text to write."""
        with self._lock:
            came = self._comes.wait_for(lambda: bool(self._waiting), IDLE_SECONDS)
            self._idle, self._running = False, came
            return came

    def _tell_texts(self) -> None:
        texts = len(self._active), len(self._waiting)
        if texts != self._told:
            self._told = texts
            self._on_texts(*texts)

    def _advance(self, models: Sequence[Model]) -> None:
        """One call for the texts of models of one kind. Tokens after the end of a text are discarded."""
        writings = [w for _, some in models for w in some]
        most = [max(w.remaining for w in writings), *(w.remaining for w in writings if w.exact)]
        if any(w.logits for w in writings):
            most.append(max(1, min(TOKENS_WITH_LOGITS, MOST_LOGITS // max(d.vocabulary for d, _ in models))))
        steps = min(self._steps(models), LONGEST_CALL, *most)
        begun = time.perf_counter()
        decoded = self._decoded(models, steps)
        if decoded:
            pace = (time.perf_counter() - begun) / (steps * len(writings))
            self._pace.update((decoder, pace) for decoder, _ in models)
        self._hand_over(writings, decoded)

    def _decoded(self, models: Sequence[Model], steps: int) -> Sequence[Decoded]:
        """The chosen tokens of each text. If the call fails, each of them gets the error, and nothing is returned."""
        writings = [w for _, some in models for w in some]
        logits = any(w.logits for w in writings)
        decoder, _ = models[0]
        try:
            if len(models) == 1:
                return decoder.decode([w.stream for w in writings], steps, logits=logits)
            texts = [(decoder, [w.stream for w in some]) for decoder, some in models]
            return decoder.decode_together(texts, steps, logits=logits)
        except Exception as error:
            for writing in writings:
                writing.dropped = True
                self._tell(writing, error)
            return ()

    def _hand_over(self, writings: Sequence[Writing], decoded: Sequence[Decoded]) -> None:
        for writing, news in zip(writings, decoded, strict=bool(decoded)):
            taken = news.first(writing.remaining)
            if not writing.logits and taken.logits is not None:  # computed for a neighbour in the same call
                taken = replace(taken, logits=None)
            writing.remaining -= len(taken.ids)
            writing.dropped |= taken.fault is not None
            self._tell(writing, taken)

    @staticmethod
    def _tell(writing: Writing, news: Decoded | Exception) -> None:
        try:
            writing.deliver(news)
        except RuntimeError:  # its event loop is closed: nobody waits any more
            writing.dropped = True

    def _steps(self, models: Sequence[Model]) -> int:
        """The number of steps that fit into `CALL_SECONDS`, according to the last calls."""
        paces = [self._pace[decoder] for decoder, _ in models if decoder in self._pace]
        texts = sum(len(writings) for _, writings in models)
        return max(1, int(CALL_SECONDS / (max(paces) * texts))) if paces else 1


def _by_kind(writings: Sequence[Writing]) -> Iterable[Sequence[Model]]:
    """The texts of each model, and the models that may be computed together.

    Texts that must not go too far, or that want logits, make calls shorter. So they do not share one with other models.
    """
    models: dict[int, tuple[Decoder, list[Writing]]] = {}
    for writing in writings:
        models.setdefault(id(writing.decoder), (writing.decoder, []))[1].append(writing)
    kinds: dict[Hashable, list[Model]] = {}
    for number, (decoder, some) in models.items():
        wishes = any(w.logits for w in some), any(w.exact for w in some)
        key: Hashable = number if decoder.kind is None else (decoder.kind, wishes)
        kinds.setdefault(key, []).append((decoder, some))
    return kinds.values()
