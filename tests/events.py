"""A job's events, as its stream has them."""

from gatelab.store import Event, Store


def events_of(store: Store, job: str, seq: int = 0) -> list[Event]:
    """Those with numbers above `seq`, at most a page of them."""
    _, found = store.events.since(job, seq)
    return found
