import re
import time

from gatelab.store.ids import new_id, new_ids


def test_an_id_is_short_and_safe_in_a_url() -> None:
    assert re.fullmatch(r"run-[0-9a-hjkmnp-tv-z]{18}", new_id("run"))


def test_ids_are_sorted_by_time() -> None:
    first = new_id("job")
    time.sleep(0.002)
    assert first < new_id("job")


def test_ids_made_together_ascend_and_differ() -> None:
    ids = new_ids("run", 1000)
    assert ids == sorted(set(ids))
    assert len(ids) == 1000
