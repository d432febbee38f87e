"""The tree of runs that began from one another, as the API answers it."""

import json
from collections.abc import Sequence

from gatelab.specs import RunSpec
from gatelab.store.lineage import Node
from service.views import Page, State, View, whole


class Change(View):
    """A field of the spec that differs from the parent's, as JSON texts; null where there is no such field."""

    path: str
    before: str | None
    after: str | None


class TreeNode(View):
    """A run in the tree of those that began from one another. `depth` is 0 at the root.

    A root may have a `parent`, too, which is deleted since. `changes` are what its spec has otherwise than its
    parent's, but for `start`.
    """

    run: str
    job: str
    name: str
    depth: int
    parent: str | None
    parent_step: int | None
    state: State
    step: int
    validation_perplexity: float | None
    changes: list[Change]

    @classmethod
    def of(cls, node: Node, parent: Node | None) -> "TreeNode":
        before = {} if parent is None else flat(parent.spec)
        after = flat(node.spec) if parent is not None else {}
        paths = [path for path in before | after if before.get(path) != after.get(path)]
        return cls(
            **{name: getattr(node, name) for name in ("depth", "parent", "parent_step", "step")},
            run=node.id,
            job=node.job_id,
            name=node.job_name,
            state=node.state.value,
            validation_perplexity=(node.metrics or {}).get("validation_perplexity"),
            changes=[Change(path=path, before=before.get(path), after=after.get(path)) for path in paths],
        )

    @classmethod
    def tree(cls, nodes: Sequence[Node]) -> "Page[TreeNode]":
        by_id = {node.id: node for node in nodes}
        return whole(nodes, lambda node: cls.of(node, by_id.get(node.parent or "")))


def flat(spec: RunSpec) -> dict[str, str]:
    """The fields of a spec by their paths, as JSON texts; not where it starts."""
    found: dict[str, str] = {}

    def walk(path: str, value: object) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                walk(f"{path}.{name}" if path else name, inner)
        else:
            found[path] = json.dumps(value)

    walk("", spec.model_dump(mode="json", exclude={"start"}))
    return found
