"""A cell's equations as a function in numpy."""

from collections import Counter
from collections.abc import Mapping

from gatelab.equations import Node, Representation

_FUNCTIONS: Mapping[str, str] = {
    "negative": "-{}",
    "sigmoid": "sigmoid({})",
    "tanh": "np.tanh({})",
    "relu": "np.maximum({}, 0)",
    "exp": "np.exp({})",
    "log": "np.log({})",
    "sqrt": "np.sqrt({})",
    "softplus": "np.logaddexp(0, {})",
    "log_sigmoid": "-np.logaddexp(0, -({}))",
    "silu": "silu({})",
    "gelu": "gelu({})",
    "abs": "np.abs({})",
    "sin": "np.sin({})",
    "cos": "np.cos({})",
    "hard_sigmoid": "np.clip(({}) / 6 + 0.5, 0, 1)",
    "hard_tanh": "np.clip({}, -1, 1)",
    "max": "np.maximum({}, {})",
    "min": "np.minimum({}, {})",
    "mean": "np.mean({}, axis=-1, keepdims=True)",
}
"""Function -> the program that computes it from operands."""

_DEFINITIONS = {
    "silu": "def silu(x):\n    return x * sigmoid(x)\n\n\n",
    "gelu": "def gelu(x):\n    return x * (1 + np.vectorize(math.erf)(x / 2**0.5)).astype(np.float32) / 2\n\n\n",
}


def cell_program(cell: Representation) -> str:
    """`cell(w, read, state)`: the state after a step, from parameters by their names, and `read`, which multiplies a
    matrix by the input. Values are numbered: the only words of the author in the program are the parameters' names, as
    keys of `w`.
    """
    writer = _Writer(cell)
    lines = writer.lines()
    after = ", ".join(f"np.broadcast_to({writer.value(place)}, s0.shape)" for place in cell.after)
    states = ", ".join(f"s{place}" for place in range(len(cell.states)))
    used = "".join(text for name, text in _DEFINITIONS.items() if any(node.op == name for node in cell.nodes))
    return (
        "\n".join([f"{used}def cell(w, read, state):", f"    {states}, = state", *lines, f"    return {after},"]) + "\n"
    )


class _Writer:
    """Inlines a value that is used once, and gives every other value a variable."""

    def __init__(self, cell: Representation) -> None:
        self._cell = cell
        self._uses = Counter(place for node in cell.nodes for place in node.operands) + Counter(cell.after)
        self._written: list[str] = []

    def lines(self) -> list[str]:
        lines = []
        for place, node in enumerate(self._cell.nodes):
            text = self._expression(node)
            if self._uses[place] > 1 and (node.operands or node.op == "read"):
                lines.append(f"    v{place} = {text}")
                text = f"v{place}"
            self._written.append(text)
        return lines

    def value(self, place: int) -> str:
        return self._written[place]

    def _expression(self, node: Node) -> str:
        operands = [self._written[place] for place in node.operands]
        if operands and all(self._cell.nodes[place].op == "number" for place in node.operands):
            # numpy would turn plain numbers, and everything computed from them, into double precision.
            operands = [f"np.float32({operand})" for operand in operands]
        match node.op:
            case "read":
                return f"read(w[{node.name!r}])"
            case "state":
                return f"s{self._cell.states.index(node.name)}"
            case "parameter":
                return f"w[{node.name!r}]"
            case "number":
                return repr(node.value)
            case "gate":
                return operands[0]
            case "@":
                return f"(np.broadcast_to({operands[0]}, s0.shape) @ w[{node.name!r}])"
            case "+" | "-" | "*" | "/":
                return f"({operands[0]} {node.op} {operands[1]})"
        return f"({_FUNCTIONS[node.op].format(*operands)})"
