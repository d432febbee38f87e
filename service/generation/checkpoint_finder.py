"""Finding the checkpoint that a request names, such as the best one of a run."""

from gatelab.specs.generation import CheckpointWord
from gatelab.store import CheckpointInfo, Store
from service.lookup_cache import LookupCache
from service.short_reads import ShortReads


class CheckpointFinder:
    """Finds checkpoints for requests.

    An answer about a run that has ended is kept until a job is deleted. Any other answer is true until somebody writes
    to the database, which only SQLite shows: PostgreSQL does not notify the service of new checkpoints.
    """

    def __init__(self, store: Store, short_reads: ShortReads) -> None:
        self._short_reads = short_reads
        self._shows_every_commit = store.changes.shows_every_commit
        self._found = LookupCache[CheckpointInfo](store.changes)

    async def find(self, run: str, name: int | CheckpointWord) -> CheckpointInfo:
        """
        Raises:
            NotFound, NoCheckpoint: as `Checkpoints.find`.
        """
        if (known := self._found.find((run, name))) is not None:
            return known
        stamp = self._found.stamp()
        found, lasting = await self._short_reads.look(lambda store: store.checkpoints.find_lasting(run, name))
        if lasting or self._shows_every_commit:
            self._found.keep((run, name), found, stamp)
        return found
