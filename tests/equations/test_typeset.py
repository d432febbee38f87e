"""Typeset equations show what is computed."""

import xml.etree.ElementTree as ElementTree

import pytest

from gatelab.equations import read
from gatelab.equations.typeset import NAMESPACE, mathml, typeset
from gatelab.equations.zoo import zoo


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("h' = tanh(W_h @ x + U_h @ h + b_h)", r"h_{t} = \tanh(W_{h} x_{t} + U_{h} h_{t-1} + b_{h})"),
        ("h' = sigmoid(W @ x) * h", r"h_{t} = \sigma(W x_{t}) \odot h_{t-1}"),
        ("h' = 2 * h - -3 * W @ x", r"h_{t} = 2 \, h_{t-1} - -3 \, (W x_{t})"),
        ("h' = h - (h - W @ x)", r"h_{t} = h_{t-1} - (h_{t-1} - W x_{t})"),
        ("h' = h - h + W @ x", r"h_{t} = h_{t-1} - h_{t-1} + W x_{t}"),
        ("h' = (h + 1) * (W @ x)", r"h_{t} = (h_{t-1} + 1) \odot (W x_{t})"),
        ("h' = h * h + W @ x", r"h_{t} = h_{t-1} \odot h_{t-1} + W x_{t}"),
        ("h' = W @ x / (1 + h)", r"h_{t} = \frac{W x_{t}}{1 + h_{t-1}}"),
        ("h' = sqrt(abs(W @ x))", r"h_{t} = \sqrt{\lvert W x_{t} \rvert}"),
        ("h' = max(h, hard_tanh(W @ x))", r"h_{t} = \max(h_{t-1}, \mathrm{hard\_tanh}(W x_{t}))"),
        ("h' = W @ x - mean(h * h)", r"h_{t} = W x_{t} - \mathrm{mean}(h_{t-1} \odot h_{t-1})"),
        ("h' = W @ x + 0.00001 - -0.0000025", r"h_{t} = W x_{t} + 0.00001 - -0.0000025"),
        ("h' = W @ x + 1e-12", r"h_{t} = W x_{t} + 1e-12"),
        ("vector lambda, eta_in\nh' = lambda * h + eta_in * (W @ x)", None),
        ("c_1' = c_1 + W @ x\nh' = c_1'", r"c_{1,t} = c_{1,t-1} + W x_{t}"),
        ("reset = sigmoid(W @ x)\nh' = reset * h", r"\mathrm{reset} = \sigma(W x_{t})"),
    ],
)
def test_latex(text: str, latex: str | None) -> None:
    found = [formula.latex for formula in typeset(text)]
    if latex is None:
        assert found == [r"h_{t} = \lambda \odot h_{t-1} + \eta_{\mathrm{in}} \odot (W x_{t})"]
    else:
        assert found[0] == latex


@pytest.mark.parametrize("name", sorted(zoo()))
def test_mathml_is_well_formed_and_has_a_row_for_each_equation(name: str) -> None:
    text = zoo()[name].equations
    drawn = ElementTree.fromstring(mathml(typeset(text)))
    assert drawn.tag == f"{{{NAMESPACE}}}math"
    equations = [line for line in text.splitlines() if "=" in line.partition("#")[0] and " = " in line]
    declared = [line for line in equations if line.startswith(("vector", "scalar", "matrix"))]
    assert len(list(drawn.iter(f"{{{NAMESPACE}}}mtr"))) == len(equations) - len(declared)


def test_every_name_and_number_is_drawn() -> None:
    text = "vector alpha_1\nlonger = sigmoid(W_q @ x + 0.25)\nh' = alpha_1 * longer * h"
    assert read(text).gates
    drawn = "".join(ElementTree.fromstring(mathml(typeset(text))).itertext())
    for part in ("\N{GREEK SMALL LETTER ALPHA}1", "longer", "Wq", "0.25", "xt", "ht"):
        assert part in drawn
