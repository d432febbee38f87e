"""`python -m worker`: a worker for one device, with one child. Further options go to Celery's `worker` command."""

import os
import sys

from worker.app import app


def main() -> None:
    # Threads that spin while they wait make training many times slower if other programs run too.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    app.worker_main(
        [
            "worker",
            f"--hostname=gatelab-{os.getpid()}@%h",
            # Workers do not communicate with each other, only with the database.
            "--without-gossip",
            "--without-mingle",
            "--without-heartbeat",
            "--loglevel=INFO",
            *sys.argv[1:],
        ]
    )


if __name__ == "__main__":
    main()
