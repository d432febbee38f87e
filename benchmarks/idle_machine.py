"""Whether the machine does nothing else: threads that spin while they wait are many times slower where it does."""

import os
import sys

BUSY = 0.3
"""The mean number of running processes above which a figure is worth little."""


def warn_if_busy() -> None:
    """Say so on standard error. To be called before the benchmark itself makes the machine busy."""
    load, _, _ = os.getloadavg()
    if load > BUSY:
        print(f"The load average is {load:.1f}: other programs run here, do not publish these figures", file=sys.stderr)
