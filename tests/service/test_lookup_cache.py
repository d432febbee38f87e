"""Lookups are cached while they are valid, and not a moment longer."""

from typing import Any

from service.lookup_cache import MOST, SECONDS, LookupCache


class Changes:
    """A database whose changes a test controls."""

    def __init__(self) -> None:
        self.now: int | None = 1

    def stamp(self) -> int | None:
        return self.now


def remembered(changes: Changes, times: list[float]) -> LookupCache[str]:
    stand_in: Any = changes
    return LookupCache(stand_in, lambda: times[-1])


def test_it_holds_until_the_database_changes_or_it_is_old() -> None:
    changes, times = Changes(), [0.0]
    found = remembered(changes, times)
    found.keep("key", "ada", found.stamp())
    assert found.find("key") == "ada"
    times.append(SECONDS)
    assert found.find("key") is None
    found.keep("key", "ada", found.stamp())
    changes.now = 2
    assert found.find("key") is None
    changes.now = 1
    assert found.find("key") is None, "what was forgotten stays so"


def test_what_changed_during_the_look_is_not_kept() -> None:
    changes = Changes()
    found = remembered(changes, [0.0])
    before = found.stamp()
    changes.now = 2
    assert found.find("key") is None
    found.keep("key", "ada", before)
    assert found.find("key") is None


def test_while_nobody_can_tell_nothing_is_kept() -> None:
    changes = Changes()
    found = remembered(changes, [0.0])
    found.keep("key", "ada", found.stamp())
    changes.now = None
    assert found.find("key") is None
    found.keep("key", "ada", found.stamp())
    assert found.find("key") is None


def test_there_is_an_end_to_what_is_kept() -> None:
    found = remembered(Changes(), [0.0])
    for number in range(MOST + 1):
        found.keep(number, "ada", found.stamp())
    assert found.find(MOST) == "ada"
    assert found.find(0) is None
