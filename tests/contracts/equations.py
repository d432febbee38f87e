"""A second implementation of the cells in plain NumPy, written from the papers and not from the code under test.

x (inputs,) or (batch, inputs), h (batch, hidden), matrices as in the equations: x W + h U + b. Names of weights end
in the letter of what they compute, such as W_z. `replaced` gives gate activations to use instead of the computed ones.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gatelab.specs import CellSpec, EquationsSpec, GruSpec, LstmSpec, RnnSpec

Array = NDArray[np.float64]
Weights = Mapping[str, Array]
State = tuple[Array, ...]

NONE: Mapping[str, Array] = {}
EPSILON = 1e-5


@dataclass(frozen=True)
class Step:
    """The results of one step: the new state and the activations of the gates."""

    state: State
    gates: Mapping[str, Array]


def sigmoid(a: Array) -> Array:
    return 1 / (1 + np.exp(-a))


def affine(w: Weights, of: str, x: Array, h: Array) -> Array:
    return x @ w[f"W_{of}"] + h @ w[f"U_{of}"] + w[f"b_{of}"]


def rnn(spec: RnnSpec, w: Weights, x: Array, state: State) -> Step:
    """Elman (1990): h' = activation(x W + h U + b)."""
    (h,) = state
    a = x @ w["W"] + h @ w["U"] + w["b"]
    return Step((np.tanh(a) if spec.activation == "tanh" else np.maximum(a, 0),), {})


def gru(spec: GruSpec, w: Weights, x: Array, state: State, replaced: Mapping[str, Array] = NONE) -> Step:
    """Cho et al. (2014), where z keeps the old state. For a gate that is left out, r = 1 and z = 0."""
    (h,) = state
    letters = {"reset": "r", "update": "z"}
    gates: dict[str, Array] = {n: replaced.get(n, sigmoid(affine(w, letters[n], x, h))) for n in spec.gates}
    r, z = gates.get("reset", np.ones_like(h)), gates.get("update", np.zeros_like(h))
    if spec.reset == "before":
        candidate = np.tanh(x @ w["W_c"] + (r * h) @ w["U_c"] + w["b_c"])
    else:
        candidate = np.tanh(x @ w["W_c"] + w["b_c"] + r * (h @ w["U_c"] + w.get("b_u", 0)))
    return Step((z * h + (1 - z) * candidate,), gates)


def lstm(w: Weights, x: Array, state: State, replaced: Mapping[str, Array] = NONE) -> Step:
    """Hochreiter & Schmidhuber (1997) with the forget gate of Gers et al. (2000)."""
    h, c = state
    names = {"input": "i", "forget": "f", "output": "o"}
    gates = {name: replaced.get(name, sigmoid(affine(w, of, x, h))) for name, of in names.items()}
    c = gates["forget"] * c + gates["input"] * np.tanh(affine(w, "g", x, h))
    return Step((gates["output"] * np.tanh(c), c), gates)


def mgu(w: Weights, x: Array, state: State, replaced: Mapping[str, Array] = NONE) -> Step:
    """Zhou et al. (2016), eq. 5 to 7."""
    (h,) = state
    f = replaced.get("forget", sigmoid(affine(w, "f", x, h)))
    candidate = np.tanh(x @ w["W_c"] + (f * h) @ w["U_c"] + w["b_c"])
    return Step(((1 - f) * h + f * candidate,), {"forget": f})


def fastgrnn(w: Weights, x: Array, state: State, replaced: Mapping[str, Array] = NONE) -> Step:
    """Kusupati et al. (2018), eq. 4: one pair of matrices, and two scalars."""
    (h,) = state
    a = x @ w["W"] + h @ w["U"]
    z = replaced.get("update", sigmoid(a + w["b_z"]))
    return Step(((sigmoid(w["zeta"]) * (1 - z) + sigmoid(w["nu"])) * np.tanh(a + w["b_h"]) + z * h,), {"update": z})


def slstm(w: Weights, x: Array, state: State, replaced: Mapping[str, Array] = NONE) -> Step:
    """Beck et al. (2024), eq. 8 to 17. The state is h, m, c, n: in the order in which the equations define them."""
    h, m, c, n = state
    log_forget = -np.logaddexp(0, -affine(w, "f", x, h))
    after_m = np.maximum(log_forget + m, affine(w, "i", x, h))
    i, f = np.exp(affine(w, "i", x, h) - after_m), np.exp(log_forget + m - after_m)
    o = replaced.get("output", sigmoid(affine(w, "o", x, h)))
    c, n = f * c + i * np.tanh(affine(w, "z", x, h)), f * n + i
    return Step((o * c / n, after_m, c, n), {"output": o})


def standard(*parts: Array) -> list[Array]:
    """Ba et al. (2016), eq. 3 and 4: the numbers of all parts together with mean 0 and variance 1."""
    whole = np.concatenate(parts, axis=-1)
    centred = whole - whole.mean(axis=-1, keepdims=True)
    return np.split(centred / np.sqrt(whole.var(axis=-1, keepdims=True) + EPSILON), len(parts), axis=-1)


def normalized(w: Weights, of: str, x: Array, h: Array) -> Iterator[Array]:
    """Sums of the products with the state and with the input, each normalized over all of its units, with one bias."""
    of_state = standard(*(h @ w[f"U_{each}"] for each in of))
    of_input = standard(*(x @ w[f"W_{each}"] for each in of))
    for each, u, v in zip(of, of_state, of_input, strict=True):
        yield w[f"p_{each}"] * u + w[f"q_{each}"] * v + w[f"b_{each}"]


def ln_lstm(w: Weights, x: Array, state: State, replaced: Mapping[str, Array] = NONE) -> Step:
    """Ba et al. (2016), the LSTM of the supplementary material."""
    h, c = state
    *gates, g = normalized(w, "ifog", x, h)
    names = ("input", "forget", "output")
    found = {name: replaced.get(name, sigmoid(a)) for name, a in zip(names, gates, strict=True)}
    c = found["forget"] * c + found["input"] * np.tanh(g)
    return Step((found["output"] * np.tanh(w["gain"] * standard(c)[0] + w["b_c"]), c), found)


def ln_gru(w: Weights, x: Array, state: State, replaced: Mapping[str, Array] = NONE) -> Step:
    """Ba et al. (2016), in the appendix."""
    (h,) = state
    z, r = normalized(w, "zr", x, h)
    gates = {"reset": replaced.get("reset", sigmoid(r)), "update": replaced.get("update", sigmoid(z))}
    kept = w["p_c"] * standard(h @ w["U_c"])[0] + w["b_u"]
    candidate = np.tanh(w["q_c"] * standard(x @ w["W_c"])[0] + w["b_c"] + gates["reset"] * kept)
    return Step(((1 - gates["update"]) * h + gates["update"] * candidate,), gates)


WRITTEN = {"mgu": mgu, "fastgrnn": fastgrnn, "slstm": slstm, "ln_lstm": ln_lstm, "ln_gru": ln_gru}


def step(spec: CellSpec, w: Weights, x: Array, state: State, replaced: Mapping[str, Array] = NONE) -> Step:
    """One step of the cell that `spec` describes."""
    match spec:
        case RnnSpec():
            return rnn(spec, w, x, state)
        case GruSpec():
            return gru(spec, w, x, state, replaced)
        case LstmSpec():
            return lstm(w, x, state, replaced)
        case EquationsSpec():
            return WRITTEN[spec.title](w, x, state, replaced)


def scan(spec: CellSpec, w: Weights, x: Array, state: State) -> tuple[Array, State]:
    """All steps of x (steps, batch, inputs): the outputs, and the last state."""
    outputs = []
    for x_t in x:
        state = step(spec, w, x_t, state).state
        outputs.append(state[0])
    return np.array(outputs), state
