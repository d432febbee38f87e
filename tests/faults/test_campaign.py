"""Hundreds of faults, for `make faults`. The other files have a few of each kind, which run with all tests."""

import random
import sys
from collections.abc import Sequence

import pytest

from gatelab.settings import Settings
from tests import servers
from tests.faults.campaign import Row, go_through
from tests.faults.injections import (
    Infliction,
    flush_broker,
    freeze_broker,
    kill_broker,
    kill_child,
    kill_service,
    kill_tree,
    send_duplicates,
    stop_child,
    stop_postgres,
)
from tests.faults.installation import Installation

pytestmark = [
    pytest.mark.campaign,
    pytest.mark.timeout(900),
    pytest.mark.skipif(sys.platform != "linux", reason=servers.ONLY_LINUX),
]

PLAN: dict[str, tuple[Infliction, int]] = {
    "kill -9 of a worker's child": (kill_child, 25),
    "kill -9 of a worker, parent and child": (kill_tree, 20),
    "SIGSTOP of a child beyond its lease, then SIGCONT": (stop_child, 20),
    "FLUSHALL of the broker": (flush_broker, 20),
    "kill -9 of the broker, and restart": (kill_broker, 24),
    "SIGSTOP of the broker while a job is submitted": (freeze_broker, 10),
    "kill -9 of the service between commit and publish": (kill_service, 6),
    "20 needless wake-ups": (send_duplicates, 20),
}
MIXED = 65


@pytest.mark.parametrize("fault", PLAN)
def test_many_of_one_kind(fault: str, installation: Installation, chance: random.Random, table: list[Row]) -> None:
    infliction, times = PLAN[fault]
    _go_through([infliction] * times, installation, chance, fault, table)


@pytest.mark.parametrize("shared_installation", ["postgresql"], indirect=True)
def test_many_stops_of_postgres(installation: Installation, chance: random.Random, table: list[Row]) -> None:
    name = "PostgreSQL stopped with -m immediate, and restarted"
    _go_through([stop_postgres] * 20, installation, chance, name, table)


def test_many_of_all_kinds(installation: Installation, chance: random.Random, table: list[Row]) -> None:
    kinds = [infliction for infliction, _ in PLAN.values()] + ([stop_postgres] if installation.postgres else [])
    faults = [*kinds, *chance.choices(kinds, k=MIXED - len(kinds))]
    chance.shuffle(faults)
    _go_through(faults, installation, chance, "all of these, mixed", table)


def _go_through(
    faults: Sequence[Infliction], on: Installation, chance: random.Random, name: str, table: list[Row]
) -> None:
    table.append(go_through(faults, on, chance, name))
    assert table[-1].harmless, table[-1]


def test_recovery_at_the_default_settings(installation: Installation, chance: random.Random, table: list[Row]) -> None:
    slow = ["lease", "heartbeat", "reaper", "rewake", "poll", "slice", "checkpoint"]
    defaults = {name: Settings.model_fields[f"{name}_seconds"].default for name in slow}
    options = {f"GATELAB_{name.upper()}_SECONDS": str(value) for name, value in defaults.items()}
    with installation.other_workers(options=options):
        row = go_through([kill_child] * 4, installation, chance, "kill -9 of a worker's child, default settings")
    table.append(row)
    assert row.harmless, row
