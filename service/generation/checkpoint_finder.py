"""Finding the checkpoint that a request names, such as the best one of a run."""

from gatelab.specs.generation import CheckpointWord
from gatelab.store import CheckpointInfo, Store
from service.lookup_cache import LookupCache
from service.short_reads import ShortReads


class CheckpointFinder:
    """Finds checkpoints for requests.

    What it found stays true until somebody writes to the database, which only SQLite shows: PostgreSQL notifies the
    service of revoked keys and deleted jobs, but not of new checkpoints.
    """

    def __init__(self, store: Store, short_reads: ShortReads) -> None:
        self._short_reads = short_reads
        self._found = LookupCache[CheckpointInfo](store.changes) if store.changes.shows_every_commit else None

    async def find(self, run: str, name: int | CheckpointWord) -> CheckpointInfo:
        """
        Raises:
            NotFound, NoCheckpoint: as `Checkpoints.find`.
        """
        if self._found is None:
            return await self._look(run, name)
        if (found := self._found.find((run, name))) is None:
            stamp = self._found.stamp()
            found = await self._look(run, name)
            self._found.keep((run, name), found, stamp)
        return found

    async def _look(self, run: str, name: int | CheckpointWord) -> CheckpointInfo:
        return await self._short_reads.look(lambda store: store.checkpoints.find(run, name))
