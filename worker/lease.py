"""Keeping the leases of runs while they train."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType

from gatelab.errors import GatelabError, LeaseLost
from gatelab.store import Claim, Flags, Store


@dataclass
class _Held:
    """A claim, the time of its last renewal, and the users' requests for its run at that time."""

    claim: Claim
    renewed: float
    flags: Flags
    lost: bool = False


class Leases:
    """Renews the leases of claims, all of them in one thread and one transaction. `check` is asked between steps.

    Args:
        alarm: called by that thread whenever a run must stop here, because its user asked for it or its lease is lost.
    """

    def __init__(
        self,
        store: Store,
        *,
        heartbeat_seconds: float,
        lease_seconds: float,
        alarm: Callable[[], object] = lambda: None,
    ) -> None:
        self._store, self._alarm = store, alarm
        self._heartbeat, self._patience = heartbeat_seconds, lease_seconds
        # Replaced, never changed, since the thread reads it meanwhile.
        self._held: Mapping[str, _Held] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="heartbeat", daemon=True)

    def __enter__(self) -> "Leases":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()

    def add(self, claim: Claim) -> None:
        """Begin to renew the lease of a new claim."""
        held = _Held(claim, time.monotonic(), Flags(cancel=False, pause=False))
        self._held = {**self._held, claim.run_id: held}

    def drop(self, run_id: str) -> None:
        """Stop renewing the lease of this run."""
        self._held = {id: held for id, held in self._held.items() if id != run_id}

    def check(self, run_id: str) -> Flags:
        """The users' requests for the run.

        Raises:
            LeaseLost: another worker may have the run, or the lease could not be renewed in time.
        """
        held = self._held[run_id]
        if held.lost or time.monotonic() - held.renewed > self._patience:
            raise LeaseLost(f"the lease of {run_id} is lost")
        return held.flags

    def _keep(self) -> None:
        while not self._ended.wait(self._heartbeat):
            if kept := [held for held in self._held.values() if not held.lost]:
                self._renew(kept)

    def _renew(self, kept: list[_Held]) -> None:
        begun = time.monotonic()
        try:
            flags = self._store.claims.heartbeats([held.claim for held in kept])
        except GatelabError:
            return  # the database is away: `check` ends the slice when the leases have run out
        for held in kept:
            if held.claim.run_id in flags:
                held.flags, held.renewed = flags[held.claim.run_id], begun
            else:
                held.lost = True
        if any(held.lost or held.flags.cancel or held.flags.pause for held in kept):
            self._alarm()
