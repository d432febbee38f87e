"""The tree of runs that began from one another, as the API answers it."""

from collections.abc import Sequence

from gatelab.specs.changes import Change, changes
from gatelab.store.lineage import Node
from service.views import Page, State, View, whole


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
        return cls(
            **{name: getattr(node, name) for name in ("depth", "parent", "parent_step", "step")},
            run=node.id,
            job=node.job_id,
            name=node.job_name,
            state=node.state.value,
            validation_perplexity=(node.metrics or {}).get("validation_perplexity"),
            changes=[] if parent is None else changes(parent.spec, node.spec),
        )

    @classmethod
    def tree(cls, nodes: Sequence[Node]) -> "Page[TreeNode]":
        by_id = {node.id: node for node in nodes}
        return whole(nodes, lambda node: cls.of(node, by_id.get(node.parent or "")))
