"""The parts around a cell in the program that writes text: layers, connections, states, and the head.

The program of a model without these fields does not mention them.
"""

from gatelab.architecture import EPSILON
from gatelab.specs.model import ModelSpec

_NORMALIZED = f"""

def normalized(w, place, x):
    x = x - x.mean()
    x = x / np.sqrt((x * x).mean() + np.float32({EPSILON!r}))
    return w[f"norms.{{place}}.gain"] * x + w[f"norms.{{place}}.bias"]
"""


def layers_program(model: ModelSpec) -> str:
    """The functions that the lines below call."""
    return _NORMALIZED if model.norm == "layer" else ""


def layer_lines(model: ModelSpec) -> str:
    """The lines for a step of each layer: `x` comes from the layer below, `own` has its weights, `state` its state."""
    lines = ["below = x"] if model.connections != "plain" else []
    if model.norm == "layer":
        lines.append("x = normalized(w, layer, x) if layer else x")
    if model.connections == "highway":
        lines.append("seen = x")
    lines.append("states[layer] = cell(own, (lambda matrix: matrix[token]) if x is None else x.__matmul__, state)")
    if kept := model.drops.zoneout:
        both = "zip(state, states[layer])"
        lines.append(f"states[layer] = tuple({kept!r} * old + {1 - kept!r} * new for old, new in {both})")
    lines.append("x = states[layer][0]")
    if model.connections == "residual":
        lines.append("x = below + x if layer else x")
    elif model.connections == "highway":
        lines += [
            "if layer:",
            '    t = sigmoid(seen @ w[f"highways.{layer}.weight"] + w[f"highways.{layer}.bias"])',
            "    x = t * x + (1 - t) * below",
        ]
    return "\n".join(f"        {line}" for line in lines)


def head_line(model: ModelSpec) -> str:
    """The expression for the last layer's `x` before the head's bias."""
    read = f"normalized(w, {model.layers}, x)" if model.norm == "layer" else "x"
    return f"{read} @ " + ('w["embedding"].T' if model.tied else 'w["weight_head"]')


def state_lines(model: ModelSpec) -> str:
    """The states before a text."""
    tensors = len(model.cell.representation.states)
    if model.initial_state == "learned":
        of_layer = f'tuple(w[f"initial.{{n}}.{{i}}"] for i in range({tensors}))'
        return f"    states = [{of_layer} for n in range({model.layers})]"
    if len(set(model.widths)) > 1:
        return f"    states = [(np.zeros(hidden, np.float32),) * {tensors} for hidden in {list(model.widths)}]"
    hidden = 'w["embedding"].shape[1]' if model.tied else 'len(w["weight_head"])'
    return (
        f"    hidden = {hidden}\n"
        f'    states = [(np.zeros(hidden, np.float32),) * {tensors} for _ in range(facts["model"]["layers"])]'
    )
