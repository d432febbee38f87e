"""A whole Gatelab as `gatelab up` runs it: service, worker, broker and database, in processes of their own."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from gatelab.client import local_server
from gatelab.client.api import Gatelab
from gatelab.client.credentials import local_key


@contextmanager
def installation(threads: int, data_dir: Path | None = None, workers: int = 1) -> Iterator[Gatelab]:
    """A running installation whose workers train on the CPU with `threads` threads each.

    Its data stay in `data_dir`; by default they are deleted in the end.
    """
    settings = {"GATELAB_THREADS": str(threads), "GATELAB_DEVICE": "cpu"}
    with ExitStack() as stack:
        if data_dir is None:
            data_dir = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gatelab-benchmark-")))
        url = stack.enter_context(local_server.running(data_dir, settings, "--workers", str(workers)))
        yield stack.enter_context(Gatelab(url))


def key_of(gatelab: Gatelab) -> str:
    """The API key of an installation that runs here."""
    key = local_key(urlsplit(gatelab.url).port or 80)
    assert key
    return key
