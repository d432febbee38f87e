"""Jobs for faults, and what must hold after any fault."""

from itertools import pairwise

from gatelab.specs import JobSpec
from gatelab.store import FINISHED, Event, Job, State, Store
from gatelab.store.states import MOVES
from tests.events import events_of

_ENDS = {f"run_{state}" for state in FINISHED}


def queue(store: Store, jobs: int, each: int) -> list[Job]:
    """Make this number of jobs with this number of runs each."""
    corpus, _ = store.corpora.add("abc", "abc" * 100)
    spec = JobSpec(corpus="abc", repeats=each)
    return [store.jobs.create(spec, corpus.id, [spec.base()] * each) for _ in range(jobs)]


def all_events(store: Store, job_id: str) -> list[Event]:
    events = events_of(store, job_id)
    while len(events) % 1000 == 0 and (more := events_of(store, job_id, events[-1].seq)):
        events.extend(more)
    return events


def check_history(store: Store, job_id: str) -> None:
    """A job's events are numbered without gaps, have only allowed transitions, and agree with its runs."""
    events = all_events(store, job_id)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    runs = store.runs.list(job_id=job_id, limit=1000).items
    for run in runs:
        told = [State(event.data["state"]) for event in events if event.run_id == run.id and "state" in event.data]
        path = [State.QUEUED, *told]
        assert all(after in MOVES[before] for before, after in pairwise(path)), path
        assert path[-1] is run.state, path
        ends = [event.type for event in events if event.run_id == run.id and event.type in _ENDS]
        assert ends == ([f"run_{run.state}"] if run.state in FINISHED else [])
    ended = all(run.state in FINISHED for run in runs)
    assert [event.type for event in events].count("job_finished") == ended
