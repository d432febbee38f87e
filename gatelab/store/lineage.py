"""The tree of runs that started from one another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, select

from gatelab.errors import NotFound
from gatelab.specs import RunSpec
from gatelab.store.engine import Database
from gatelab.store.states import State
from gatelab.store.tables import jobs, runs
from gatelab.wire.evaluations import Summary

MOST_NODES = 1000
"""The most runs of a tree in an answer: those nearest to the root."""
DEEPEST = 100


@dataclass(frozen=True)
class Node:
    """A run in its tree. `depth` is 0 at the root; if `parent` was deleted, the node is a root."""

    id: str
    job_id: str
    job_name: str
    depth: int
    parent: str | None
    parent_step: int | None
    state: State
    step: int
    spec: RunSpec
    metrics: Summary | None


_NAMES = ("id", "job_id", "parent", "parent_step", "state", "step", "spec", "metrics")
_QUERY = select(*(runs.c[name] for name in _NAMES), jobs.c.name.label("job_name")).join(
    jobs, jobs.c.id == runs.c.job_id
)


class Trees:
    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, run_id: str) -> Sequence[Node]:
        """The tree of a run, every node after its parent.

        Raises:
            NotFound: there is no such run.
        """
        with self._database.read() as connection:
            root = _root(connection, run_id)
            found = [_node(root, 0)]
            level = {root["id"]: found[0]}
            children: dict[str, list[Node]] = {}
            while level and len(found) < MOST_NODES:
                depth = next(iter(level.values())).depth + 1
                rows = _fetch(connection, runs.c.parent.in_(level))[: MOST_NODES - len(found)]
                nodes = [_node(row, depth) for row in rows]
                for node in nodes:
                    assert node.parent is not None, "a child has a parent"
                    children.setdefault(node.parent, []).append(node)
                found += nodes
                level = {node.id: node for node in nodes}
        return list(_ordered(found[0], children))


def _root(connection: Connection, run_id: str) -> RowMapping:
    rows = _fetch(connection, runs.c.id == run_id)
    if not rows:
        raise NotFound("run", run_id)
    for _ in range(DEEPEST):
        if rows[0]["parent"] is None or not (above := _fetch(connection, runs.c.id == rows[0]["parent"])):
            break
        rows = above
    return rows[0]


def _fetch(connection: Connection, which: ColumnElement[bool]) -> Sequence[RowMapping]:
    query = _QUERY.where(which).order_by(jobs.c.created_at, runs.c.job_id, runs.c.index).limit(MOST_NODES)
    return connection.execute(query).mappings().all()


def _node(row: RowMapping, depth: int) -> Node:
    values = {name: row[name] for name in (*_NAMES, "job_name")}
    own: dict[str, Any] = {"depth": depth, "state": State(row["state"]), "spec": RunSpec.model_validate(row["spec"])}
    own["metrics"] = None if row["metrics"] is None else Summary.model_validate(row["metrics"])
    return Node(**values | own)


def _ordered(root: Node, children: Mapping[str, Sequence[Node]]) -> Sequence[Node]:
    ordered, waiting = [], [root]
    while waiting:
        node = waiting.pop()
        ordered.append(node)
        waiting += reversed(children.get(node.id, ()))
    return ordered
