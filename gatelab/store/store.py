"""The whole store behind one object."""

from types import TracebackType

from gatelab.settings import Settings
from gatelab.store import installation_counts
from gatelab.store.accounts import Accounts
from gatelab.store.blobs import Blobs
from gatelab.store.changes import Changes
from gatelab.store.checkpoints import Checkpoints
from gatelab.store.claims import Claims
from gatelab.store.corpora import Corpora
from gatelab.store.deletion import Deletion
from gatelab.store.engine import BUSY_SECONDS, Database
from gatelab.store.events import Events
from gatelab.store.jobs import Jobs
from gatelab.store.keys import Keys
from gatelab.store.lineage import Trees
from gatelab.store.metrics import Metrics
from gatelab.store.origins import Origins
from gatelab.store.reaper import Reaper
from gatelab.store.results import Results
from gatelab.store.runs import Runs
from gatelab.store.samples import Samples
from gatelab.store.sweeper import Sweeper


class Store:
    """Everything that is kept, in a database and a folder for large checkpoints. Safe to share between threads.

    Nothing is opened before the first use, so a process may fork after making this. Any method may raise
    `Unavailable` while the database cannot be reached.
    """

    def __init__(self, settings: Settings, busy_seconds: float = BUSY_SECONDS) -> None:
        """
        Args:
            busy_seconds: how long to wait on SQLite while another process locks the file.
        """
        self.database = Database(settings.database_url.get_secret_value(), busy_seconds=busy_seconds)
        self.changes = Changes(self.database)
        blobs, self._deletion = Blobs(settings.blob_dir), Deletion(self.database)
        self.keys = Keys(self.database)
        self.accounts = Accounts(self.database)
        self.corpora = Corpora(self.database, self._deletion)
        self.jobs = Jobs(self.database, blobs, self._deletion)
        self.runs = Runs(self.database)
        self.metrics = Metrics(self.database)
        self.samples = Samples(self.database)
        self.results = Results(self.database)
        self.checkpoints = Checkpoints(self.database, blobs)
        self.origins = Origins(self.database)
        self.trees = Trees(self.database)
        self.events = Events(self.database)
        self.claims = Claims(self.database, blobs, settings)
        self.reaper = Reaper(self.database, settings)
        self.sweeper = Sweeper(self.database, blobs, self._deletion, settings)

    def count_runs(self) -> installation_counts.InstallationCounts:
        """The states of all runs, by one cheap statement.

        Raises:
            Unavailable: the database cannot be reached.
        """
        with self.database.read() as connection:
            return installation_counts.take(connection)

    def hold_room_back(self) -> None:
        """Reserve a few megabytes of the disk for deletions, if the database is a file and the disk has them."""
        self._deletion.reserve.make()

    def close(self) -> None:
        """Close all connections."""
        self.changes.close()
        self.database.close()

    def __enter__(self) -> "Store":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
