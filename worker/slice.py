"""One slice: train a claimed run until it ends, the slice's time is over, or a user wants it to stop.

If it pays, other runs of its shape are claimed and trained with it. Each has its own lease, records and end: a fault of
one does not affect the others.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import assert_never

import structlog

from gatelab.checkpoint import Checkpoint
from gatelab.errors import Conflict, Diverged, GatelabError, LeaseLost, StorageUnavailable, Unavailable
from gatelab.machine import cores
from gatelab.scan.native.compilations import Compilation, compilations
from gatelab.settings import Settings
from gatelab.store import Claim, Flags, State, Store
from gatelab.training import Ended, Event, Pack, Trainer, pack_size
from gatelab.training.devices import choose_device, describe
from gatelab.training.failures import error_of
from gatelab.training.pack import News
from worker.cadence import Cadence
from worker.lease import Leases
from worker.preparation import Prepared, newest_checkpoint, prepared, room
from worker.recording import Recorder
from worker.telemetry import METER

log = structlog.get_logger(__name__)


class Slice:
    """Trains a claimed run, alone or in a pack, and leaves every run in a state from which any worker can resume.

    Args:
        claim: the run that has waited longest.
        stopping: whether the worker must stop; called once per round.
        pack_size: the number of runs like it to train together, like `gatelab.training.pack_size`.

    Attributes:
        in_vain: whether a run was given back because the folder of large checkpoints was away.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        claim: Claim,
        stopping: Callable[[], bool],
        pack_size: Callable[..., int] = pack_size,
    ) -> None:
        self.store, self.settings, self.claim, self.stopping = store, settings, claim, stopping
        self.device = choose_device(settings.device)
        self.threads = settings.threads or cores()
        self.ends = time.monotonic() + settings.slice_seconds
        self._pack_size = pack_size
        self._leases = Leases(
            store,
            heartbeat_seconds=settings.heartbeat_seconds,
            lease_seconds=settings.lease_seconds,
            alarm=self._interrupt,
        )
        self._cadence = Cadence(settings.checkpoint_seconds)
        self.in_vain = False
        self._members: dict[str, Recorder] = {}
        self._pack: Pack | None = None
        self._add(claim)

    def run(self) -> None:
        """Train. A fault of a run fails that run; a lost lease or database leaves runs to the reaper.

        If the folder of large checkpoints cannot be reached, all runs are queued again.
        """
        log.info("training", run=self.claim.run_id, step=self.claim.step, device=self.device)
        try:
            with (
                structlog.contextvars.bound_contextvars(run=self.claim.run_id),
                self._leases,
                compilations(self._note_compiled),
            ):
                self._train()
        except StorageUnavailable as error:
            for run_id in list(self._members):
                self._give_back(run_id, error)
        except Unavailable as error:
            log.warning("the database cannot be reached", run=self.claim.run_id, error=str(error))
        finally:
            METER.training(0)

    def _interrupt(self) -> None:
        """End the current step early because a run must stop; a step may take minutes."""
        if self._pack is not None:
            self._pack.interrupt()

    def _train(self) -> None:
        try:
            self._pack = self._assemble()
            for number, news in enumerate(self._pack or ()):
                self._take_in(news)
                # A slice makes at least one step, however short it is and however long its preparation took.
                self._look_around(may_end=number > 0)
        except Unavailable:
            raise
        except Exception as error:
            self._give_up(error)

    def _note_compiled(self, compilation: Compilation) -> None:
        """The claimed run has waited for a compiler."""
        if (member := self._members.get(self.claim.run_id)) is not None:
            member.compiled(compilation)

    # -- The members --------------------------------------------------------------------------------------------------

    def _assemble(self) -> Pack | None:
        """The claimed run and others of its shape, each at its last record; None if none can continue."""
        known = self._newest_checkpoint(self._members[self.claim.run_id])
        made = prepared(self.store, self.claim, known, self.device)
        most = room(self.claim, made.data, self.device, self.settings, self.threads, self._pack_size)
        for claim in self.store.claims.claim_alike(self.claim, most - 1):
            self._add(claim)
        trainers = {run_id: self._resume(run_id, made) for run_id in list(self._members)}
        ready = {run_id: trainer for run_id, trainer in trainers.items() if trainer is not None}
        for run_id in ready:
            self._members[run_id].trained_with(len(ready))
        return Pack(ready, self.device, self.settings.engine, self.threads) if ready else None

    def _add(self, claim: Claim) -> None:
        self._leases.add(claim)
        METER.claimed()
        self._members[claim.run_id] = Recorder(self.store, claim, describe(self.device))
        METER.training(len(self._members))

    def _leave(self, run_id: str) -> None:
        """Remove this run; the others continue."""
        del self._members[run_id]
        METER.training(len(self._members))
        self._leases.drop(run_id)
        if self._pack is not None:
            self._pack.leave(run_id)

    def _resume(self, run_id: str, made: Prepared) -> Trainer | None:
        member = self._members[run_id]
        try:
            checkpoint = self._newest_checkpoint(member)
            return made.trainer(member.claim, checkpoint)
        except StorageUnavailable as error:
            self._give_back(run_id, error)
        except (LeaseLost, Unavailable) as error:
            self._lose(run_id, error)
        except Exception as error:
            self._fail(run_id, error)
        return None

    def _newest_checkpoint(self, member: Recorder) -> Checkpoint | None:
        member.claim, checkpoint = newest_checkpoint(self.store, member.claim)
        return checkpoint

    # -- Between two rounds -------------------------------------------------------------------------------------------

    def _take_in(self, news: News) -> None:
        """Note the events. A member that failed or ended is recorded and leaves the pack."""
        for run_id, event in news:
            match event:
                case Event():
                    self._members[run_id].add(event)
                case Ended():
                    self._end(run_id, lambda member: member.record(State.SUCCEEDED))
                case Exception():
                    self._fail(run_id, event)
                case _:
                    assert_never(event)

    def _look_around(self, *, may_end: bool) -> None:
        """Make the records that are due, and give back the runs that must stop here: one of them, or all."""
        if self._cadence.due():
            with self._cadence.recording():
                asked = self._ask(record=True)
        else:
            asked = self._ask(record=False)
        over = bool(asked) and (self.stopping() or (may_end and time.monotonic() > self.ends))
        for run_id, flags in asked.items():
            if over or flags.cancel or flags.pause:
                # The store turns this into the requested state: queued again, paused or cancelled.
                self._end(run_id, lambda member: member.record(State.QUEUED))

    def _ask(self, *, record: bool) -> dict[str, Flags]:
        """The users' requests for each member. A member that has lost its lease leaves the pack."""
        asked: dict[str, Flags] = {}
        for run_id, member in list(self._members.items()):
            try:
                flags = self._leases.check(run_id)
                asked[run_id] = member.record(None) if record else flags
            except (LeaseLost, Conflict) as error:
                self._lose(run_id, error)
            except Diverged as error:
                self._fail(run_id, error)
        return asked

    # -- The end of a member ------------------------------------------------------------------------------------------

    def _end(self, run_id: str, write: Callable[[Recorder], object]) -> None:
        """Write the last record of a run in this slice, and remove it. A run that diverged fails."""
        try:
            write(self._members[run_id])
        except (LeaseLost, Conflict) as error:
            self._lose(run_id, error)
        except Diverged as error:
            self._fail(run_id, error)
        else:
            self._leave(run_id)

    def _lose(self, run_id: str, error: GatelabError) -> None:
        """Drop a run for which nothing more can be written: its new owner continues it, or the reaper finds it."""
        log.warning("lost a run", run=run_id, error=str(error))
        if isinstance(error, LeaseLost | Conflict):
            METER.lost_lease()
        self._leave(run_id)

    def _fail(self, run_id: str, error: Exception) -> None:
        if not isinstance(error, GatelabError):
            log.error("a run failed", run=run_id, exc_info=error)
        self._end(run_id, lambda member: member.fail(error_of(error)))

    def _give_back(self, run_id: str, error: StorageUnavailable) -> None:
        """Queue a run after the others. It is not to blame, and has lost no more than this slice."""
        log.warning("the large checkpoints cannot be reached", run=run_id, error=str(error))
        self.in_vain = True
        with suppress(LeaseLost, Unavailable):
            self.store.claims.release(self._members[run_id].claim, behind=True)
        self._leave(run_id)

    def _give_up(self, error: Exception) -> None:
        """Handle a fault that ends the training of all runs. Training each alone then shows which one is to blame."""
        together = len(self._members) > 1
        if together:
            log.error("a pack failed; its runs will be trained alone", runs=list(self._members), exc_info=error)
        for run_id in list(self._members):
            if together:
                self._end(run_id, lambda member: self.store.claims.release(member.claim, crashed=True))
            else:
                self._fail(run_id, error)
