"""Whether the machine is idle. On a busy machine, threads that spin while they wait are many times slower."""

import os
import sys

BUSY = 0.3
"""The mean number of running processes above which a measurement means little."""


def warn_if_busy() -> None:
    """Warn on standard error if the machine is busy. Call it before the benchmark itself makes the machine busy."""
    load, _, _ = os.getloadavg()
    if load > BUSY:
        print(
            f"The load average is {load:.1f}, so other programs are running: do not publish these figures",
            file=sys.stderr,
        )
