"""The tree of runs that started from one another, as the API answers it."""

from collections.abc import Sequence

from gatelab.specs.changes import changes
from gatelab.store.lineage import Node
from gatelab.wire.base import Page
from gatelab.wire.runs import TreeNode
from service.views import whole


def node_of(node: Node, parent: Node | None) -> TreeNode:
    return TreeNode(
        **{name: getattr(node, name) for name in ("depth", "parent", "parent_step", "step")},
        run=node.id,
        job=node.job_id,
        name=node.job_name,
        state=node.state.value,
        validation_perplexity=node.metrics.validation_perplexity if node.metrics else None,
        changes=[] if parent is None else changes(parent.spec, node.spec),
    )


def tree_of(nodes: Sequence[Node]) -> Page[TreeNode]:
    by_id = {node.id: node for node in nodes}
    return whole(node_of(node, by_id.get(node.parent or "")) for node in nodes)
