"""Keeping the lease of a run while it trains."""

import threading
import time
from types import TracebackType

from gatelab.errors import GatelabError, LeaseLost
from gatelab.store import Claim, Flags, Store


class Lease:
    """Renews a claim's lease in a thread. `check` is asked between steps."""

    def __init__(self, store: Store, claim: Claim, *, heartbeat_seconds: float, lease_seconds: float) -> None:
        self._store, self._claim = store, claim
        self._heartbeat, self._patience = heartbeat_seconds, lease_seconds
        self._renewed = time.monotonic()
        self._lost = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="heartbeat", daemon=True)
        self.flags = Flags(cancel=False, pause=False)

    def __enter__(self) -> "Lease":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()

    def check(self) -> Flags:
        """What users asked of the run meanwhile.

        Raises:
            LeaseLost: another worker may have the run, or the lease could not be renewed in time.
        """
        if self._lost or time.monotonic() - self._renewed > self._patience:
            raise LeaseLost(f"the lease of {self._claim.run_id} is lost")
        return self.flags

    def _keep(self) -> None:
        while not self._ended.wait(self._heartbeat):
            begun = time.monotonic()
            try:
                self.flags = self._store.claims.heartbeat(self._claim)
                self._renewed = begun
            except LeaseLost:
                self._lost = True
                return
            except GatelabError:
                continue  # the database is away: `check` ends the slice when the lease has run out
