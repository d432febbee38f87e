"""Which letters of a cell are the biases of its gates."""

from collections.abc import Iterator

from gatelab.equations.representation import Representation


def gate_biases(representation: Representation) -> dict[str, list[str]]:
    """For each gate that has a bias, the letters of the vectors that are added to what the gate is a function of."""
    found = {gate: list(_biases(representation, place)) for gate, place in representation.gates.items()}
    return {gate: letters for gate, letters in found.items() if letters}


def _biases(representation: Representation, gate: int) -> Iterator[str]:
    nodes, kinds = representation.nodes, {each.name: each.kind for each in representation.parameters}
    waiting = [nodes[gate].operands[0]]
    if len(nodes[waiting[0]].operands) == 1:  # the function
        waiting = list(nodes[waiting[0]].operands)
    while waiting:
        node = nodes[waiting.pop()]
        if node.op == "+":
            waiting += node.operands
        elif node.op == "parameter" and kinds[node.name] == "vector":
            yield node.name
