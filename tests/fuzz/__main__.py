"""`python -m tests.fuzz [--seconds N] [--seed N] [TARGET ...]`: fuzz for N seconds; a failure ends it with code 1."""

import argparse
import secrets
import sys
import time

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz.targets import TARGETS, Target

AT_ONCE = 50


def fuzz(target: Target, number: int, examples: int) -> None:
    """Try some inputs, determined by the number. Raises the error of a check for the smallest input that causes it."""
    checks = list(HealthCheck)
    phases = (Phase.generate, Phase.shrink)
    how = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=phases,
        suppress_health_check=checks,
    )
    seed(number)(how(given(target.inputs)(target.check)))()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"default all: {', '.join(TARGETS)}")
    parser.add_argument("--seconds", type=float, default=60.0, help="for all together")
    parser.add_argument("--seed", type=int, default=None, help="repeats what was fuzzed with it first")
    options = parser.parse_args(arguments)
    names = options.targets or list(TARGETS)
    if unknown := set(names) - set(TARGETS):
        parser.error(f"unknown targets: {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    first = secrets.randbits(32) if options.seed is None else options.seed
    return _fuzz_all(names, first, time.monotonic() + options.seconds)


def _fuzz_all(names: list[str], first: int, until: float) -> int:
    """Fuzz the targets in turns, so that each gets its share and at least one turn."""
    counts = dict.fromkeys(names, 0)
    number = first
    while True:
        for name in names:
            try:
                fuzz(TARGETS[name], number, AT_ONCE)
            except Exception:
                print(f"\n{name}: found with --seed {number} {name}", file=sys.stderr)
                raise
            counts[name] += AT_ONCE
        number += 1
        if time.monotonic() > until:
            break
    print(f"seed {first}: nothing found in " + ", ".join(f"{count} of {name}" for name, count in counts.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
